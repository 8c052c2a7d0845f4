//! The methods of Python's strings and dictionaries that templates call.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, ErrorKind, Value};

use super::meter::{Meter, items};

type Result<T> = core::result::Result<T, Error>;

/// How much longer looking characters up takes than copying them.
const PER_CHARACTER: usize = 8;

/// `value.name(args)`, for values that have no such method of their own.
pub(super) fn call(meter: &Meter, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    meter.pay_touch(value)?;
    args.iter().try_for_each(|argument| meter.pay_touch(argument))?;
    match (value.kind(), value.as_str()) {
        (ValueKind::String, Some(text)) => string(meter, text, name, args),
        (ValueKind::Map, _) => map(meter, value, name, args),
        _ => Err(unknown()),
    }
}

fn unknown() -> Error {
    Error::from(ErrorKind::UnknownMethod)
}

fn string(meter: &Meter, text: &str, name: &str, args: &[Value]) -> Result<Value> {
    match name {
        "strip" | "lstrip" | "rstrip" => strip(meter, text, name, args),
        "split" | "rsplit" => split(meter, text, name, args),
        "startswith" | "endswith" => affix(meter, text, name, args),
        "replace" => replace(meter, text, args),
        "find" | "rfind" | "count" | "removeprefix" | "removesuffix" => search(text, name, args),
        "join" => join(meter, text, args),
        _ => {
            let () = from_args(args)?;
            plain(meter, text, name)
        }
    }
}

/// The methods without arguments.
fn plain(meter: &Meter, text: &str, name: &str) -> Result<Value> {
    // They go from character to character, and look each up.
    meter.pay(text.len().saturating_mul(PER_CHARACTER))?;
    let all = |holds: fn(char) -> bool| Value::from(!text.is_empty() && text.chars().all(holds));
    Ok(match name {
        "upper" => text.to_uppercase().into(),
        "lower" => text.to_lowercase().into(),
        "capitalize" => capitalize(text).into(),
        "title" => title(text).into(),
        "splitlines" => {
            meter.pay_nodes(text.lines().count())?;
            text.lines().map(Value::from).collect()
        }
        "isspace" => all(char::is_whitespace),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isdigit" | "isnumeric" | "isdecimal" => all(char::is_numeric),
        "isupper" => (text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)).into(),
        "islower" => (text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)).into(),
        _ => return Err(unknown()),
    })
}

fn strip(meter: &Meter, text: &str, name: &str, args: &[Value]) -> Result<Value> {
    let (characters,): (Option<&str>,) = from_args(args)?;
    meter.pay(text.len().saturating_mul(characters.map_or(1, str::len)))?;
    let stripped = |c: char| characters.map_or(c.is_whitespace(), |characters| characters.contains(c));
    Ok(Value::from(match name {
        "lstrip" => text.trim_start_matches(stripped),
        "rstrip" => text.trim_end_matches(stripped),
        _ => text.trim_matches(stripped),
    }))
}

fn split(meter: &Meter, text: &str, name: &str, args: &[Value]) -> Result<Value> {
    let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
    // Of pieces, one more than of splits; without a limit where that is negative.
    let most =
        most.and_then(|most| usize::try_from(most).ok()).map_or(usize::MAX, |most| most.saturating_add(1));
    let ends = match separator {
        Some(separator) => text.matches(separator).count(),
        None => text.split_whitespace().count(),
    };
    meter.pay_nodes(ends.saturating_add(1).min(most))?;
    let mut pieces: Vec<&str> = match (separator, name) {
        (Some(""), _) => return Err(Error::new(ErrorKind::InvalidOperation, "empty separator")),
        (Some(separator), "split") => text.splitn(most, separator).collect(),
        (Some(separator), _) => text.rsplitn(most, separator).collect(),
        (None, _) if most == usize::MAX => text.split_whitespace().collect(),
        (None, _) => return Err(Error::new(ErrorKind::InvalidOperation, "a limit needs a separator")),
    };
    if name == "rsplit" && separator.is_some() {
        pieces.reverse();
    }
    Ok(pieces.into_iter().map(Value::from).collect())
}

/// `startswith` and `endswith`, of a text or of any in a tuple.
fn affix(meter: &Meter, text: &str, name: &str, args: &[Value]) -> Result<Value> {
    let (affix,): (&Value,) = from_args(args)?;
    meter.pay_all(affix)?;
    let is_there =
        |affix: &str| if name == "endswith" { text.ends_with(affix) } else { text.starts_with(affix) };
    if let Some(affix) = affix.as_str() {
        return Ok(is_there(affix).into());
    }
    let mut affixes = affix.try_iter()?;
    Ok(affixes.any(|affix| affix.as_str().is_some_and(is_there)).into())
}

fn replace(meter: &Meter, text: &str, args: &[Value]) -> Result<Value> {
    let (old, new, most): (&str, &str, Option<i64>) = from_args(args)?;
    let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX);
    meter.pay(text.matches(old).count().min(most).saturating_mul(new.len()))?;
    Ok(text.replacen(old, new, most).into())
}

fn search(text: &str, name: &str, args: &[Value]) -> Result<Value> {
    let (what,): (&str,) = from_args(args)?;
    let place = |at: Option<usize>| at.map_or(-1, |at| text[..at].chars().count() as i64);
    Ok(match name {
        "find" => place(text.find(what)).into(),
        "rfind" => place(text.rfind(what)).into(),
        "count" => text.matches(what).count().into(),
        "removeprefix" => text.strip_prefix(what).unwrap_or(text).into(),
        _ => text.strip_suffix(what).unwrap_or(text).into(),
    })
}

fn join(meter: &Meter, separator: &str, args: &[Value]) -> Result<Value> {
    let (values,): (&Value,) = from_args(args)?;
    meter.pay_all(values)?;
    meter.pay(separator.len().saturating_mul(values.as_str().map_or(items(values), str::len)))?;
    let texts: Vec<String> = values.try_iter()?.map(|value| value.to_string()).collect();
    Ok(texts.join(separator).into())
}

fn map(meter: &Meter, value: &Value, name: &str, args: &[Value]) -> Result<Value> {
    if name != "get" {
        meter.pay_items(value)?;
    }
    let pair = |key: Value| Ok((key.clone(), value.get_item(&key)?));
    let pairs = || value.try_iter()?.map(pair).collect::<Result<Vec<_>>>();
    match name {
        "get" => {
            let (key, otherwise): (&Value, Option<Value>) = from_args(args)?;
            let found = value.get_item(key)?;
            Ok(if found.is_undefined() { otherwise.unwrap_or(Value::from(())) } else { found })
        }
        "items" => {
            pairs().map(|pairs| pairs.into_iter().map(|(key, value)| Value::from(vec![key, value])).collect())
        }
        "keys" => pairs().map(|pairs| pairs.into_iter().map(|(key, _)| key).collect()),
        "values" => pairs().map(|pairs| pairs.into_iter().map(|(_, value)| value).collect()),
        _ => Err(unknown()),
    }
}

fn capitalize(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters.flat_map(char::to_lowercase)).collect()
}

/// Every run of letters capitalised.
fn title(text: &str) -> String {
    let words = text.split_inclusive(|c: char| !c.is_alphabetic());
    words.map(capitalize).collect()
}
