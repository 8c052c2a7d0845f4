//! The operators of the language, as filters that pay for their work.

use core::cmp::Ordering;
use std::sync::Arc;

use minijinja::value::{Tuple, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value, tests};

use super::meter::{Meter, failed, items};

type Result<T> = core::result::Result<T, Error>;

/// Names that no template can spell, of what has no sign of its own: a comparison that keeps its right side,
/// `value[key]`, `value[start:stop:step]`, the beginning of a loop, and a value that becomes a part of another one.
pub(super) const COMPARE: &str = "<=>";
pub(super) const INDEX: &str = "[]";
pub(super) const SLICE: &str = "[:]";
pub(super) const ITERATE: &str = "[*]";
pub(super) const PART: &str = "[+]";

/// Adds the operators to an environment.
pub(super) fn add_operators(environment: &mut Environment<'_>, meter: &Arc<Meter>) {
    type Binary = fn(&Meter, &Value, &Value) -> Result<Value>;
    let binary: [(&str, Binary); 4] = [("+", sum), ("*", product), ("~", concatenation), (INDEX, item)];
    for (name, operator) in binary {
        let meter = Arc::clone(meter);
        environment.add_filter(name, move |a: &Value, b: &Value| operator(&meter, a, b));
    }
    for (sign, name) in
        [("==", "Eq"), ("!=", "Ne"), ("<", "Lt"), ("<=", "Lte"), (">", "Gt"), (">=", "Gte"), ("in", "In")]
    {
        let meter = Arc::clone(meter);
        let compared = move |state: &State<'_, '_>, a: &Value, b: &Value| compare(&meter, state, name, a, b);
        environment.add_filter(sign, compared);
    }
    let of = Arc::clone(meter);
    environment.add_filter(COMPARE, move |state: &State<'_, '_>, a: &Value, b: &Value, name: &str| {
        compare(&of, state, name, a, b).map(|holds| Value::from(vec![Value::from(holds), b.clone()]))
    });
    let of = Arc::clone(meter);
    environment.add_filter(SLICE, move |value: &Value, start: Bound, stop: Bound, step: Bound| {
        slice(&of, value, start, stop, step)
    });
    let of = Arc::clone(meter);
    environment.add_filter(ITERATE, move |value: Value| of.pay_touch(&value).map(|()| value));
    let of = Arc::clone(meter);
    environment.add_filter(PART, move |value: Value| of.pay_part(&value).map(|()| value));
}

type Bound = Option<i64>;

fn is_sequence(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable)
}

/// The items of a sequence, paid for.
pub(super) fn collect(meter: &Meter, value: &Value) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for item in value.try_iter()?.checked() {
        meter.pay_nodes(1)?;
        all.push(item?);
    }
    Ok(all)
}

/// A list, or a tuple if `like` is one.
fn sequence(values: Vec<Value>, like: &Value) -> Value {
    if like.is_tuple() { Value::from(Tuple::from(values)) } else { Value::from(values) }
}

fn unsupported(sign: &str, a: &Value, b: &Value) -> Error {
    let message = format!("tried to use {sign} operator on unsupported types {} and {}", a.kind(), b.kind());
    Error::new(ErrorKind::InvalidOperation, message)
}

/// A sum or a product of numbers, in which a truth value is 0 or 1.
fn numbers(
    sign: &str,
    [a, b]: [&Value; 2],
    integers: fn(i128, i128) -> Option<i128>,
    floats: fn(f64, f64) -> f64,
) -> Result<Value> {
    let is_number = |value: &Value| matches!(value.kind(), ValueKind::Number | ValueKind::Bool);
    if !is_number(a) || !is_number(b) {
        return Err(unsupported(sign, a, b));
    }
    let is_float = |value: &Value| value.is_number() && !value.is_integer();
    if is_float(a) || is_float(b) {
        return Ok(floats(f64::try_from(a.clone())?, f64::try_from(b.clone())?).into());
    }
    let result = integers(i128::try_from(a.clone())?, i128::try_from(b.clone())?);
    let result = result.ok_or_else(|| failed("a number is too large"))?;
    Ok(i64::try_from(result).map_or(Value::from(result), Value::from))
}

fn sum(meter: &Meter, a: &Value, b: &Value) -> Result<Value> {
    if let (Some(left), Some(right)) = (a.as_str(), b.as_str()) {
        meter.pay(left.len() + right.len())?;
        return Ok(Value::from([left, right].concat()));
    }
    if is_sequence(a) && is_sequence(b) && a.is_tuple() == b.is_tuple() {
        let mut all = collect(meter, a)?;
        all.extend(collect(meter, b)?);
        return Ok(sequence(all, a));
    }
    numbers("+", [a, b], i128::checked_add, |a, b| a + b)
}

fn product(meter: &Meter, a: &Value, b: &Value) -> Result<Value> {
    let repeated = |value: &Value| value.kind() == ValueKind::String || is_sequence(value);
    let (value, times) = if repeated(a) { (a, b) } else { (b, a) };
    if !repeated(value) {
        return numbers("*", [a, b], i128::checked_mul, |a, b| a * b);
    }
    let times = times.as_usize().ok_or_else(|| unsupported("*", a, b))?;
    if let Some(text) = value.as_str() {
        meter.pay(text.len().saturating_mul(times))?;
        return Ok(Value::from(text.repeat(times)));
    }
    let once = collect(meter, value)?;
    meter.pay_nodes(once.len().saturating_mul(times))?;
    let times = if once.is_empty() { 0 } else { times };
    Ok(sequence(core::iter::repeat_n(once, times).flatten().collect(), value))
}

fn concatenation(meter: &Meter, a: &Value, b: &Value) -> Result<Value> {
    meter.pay_all(a)?;
    meter.pay_all(b)?;
    Ok(Value::from(format!("{a}{b}")))
}

fn item(meter: &Meter, value: &Value, key: &Value) -> Result<Value> {
    meter.pay_touch(value)?;
    value.get_item(key)
}

/// What a comparison reads: of two texts the shorter one, of containers all.
fn pay_comparison(meter: &Meter, a: &Value, b: &Value) -> Result<()> {
    match (a.as_str(), b.as_str()) {
        (Some(a), Some(b)) => meter.pay(a.len().min(b.len())),
        _ if a.as_object().is_some() && b.as_object().is_some() => {
            meter.pay_all(a)?;
            meter.pay_all(b)
        }
        _ => Ok(()),
    }
}

fn compare(meter: &Meter, state: &State<'_, '_>, name: &str, a: &Value, b: &Value) -> Result<bool> {
    if let "In" | "NotIn" = name {
        return Ok(is_in(meter, state, a, b)? == (name == "In"));
    }
    pay_comparison(meter, a, b)?;
    let order = || a.partial_cmp(b);
    Ok(match name {
        "Eq" => a == b,
        "Ne" => a != b,
        "Lt" => order() == Some(Ordering::Less),
        "Gt" => order() == Some(Ordering::Greater),
        "Lte" => order().is_some_and(Ordering::is_le),
        _ => order().is_some_and(Ordering::is_ge),
    })
}

pub(super) fn is_in(meter: &Meter, state: &State<'_, '_>, value: &Value, container: &Value) -> Result<bool> {
    // Every item of a sequence is compared, which costs at most what the item does; in a text the value is written out.
    match container.kind() {
        ValueKind::Map => meter.pay_touch(value)?,
        _ => {
            meter.pay_all(container)?;
            meter.pay_all(value)?;
        }
    }
    let is_container = container.kind() == ValueKind::String || container.as_object().is_some();
    if !is_container && !container.is_undefined() {
        return Err(failed("cannot perform a containment check on this value"));
    }
    tests::is_in(state, value, container)
}

/// `value[start:stop:step]`, as Python has it.
fn slice(meter: &Meter, value: &Value, start: Bound, stop: Bound, step: Bound) -> Result<Value> {
    meter.pay_nodes(value.as_str().map_or(items(value), str::len))?;
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(failed("cannot slice by step size of 0"));
    }
    if let Some(text) = value.as_str() {
        let characters: Vec<char> = text.chars().collect();
        let places = places(characters.len(), start, stop, step);
        return Ok(Value::from(places.filter_map(|at| characters.get(at)).collect::<String>()));
    }
    if !is_sequence(value) && !value.is_undefined() && !value.is_none() {
        let message = format!("value of type {} cannot be sliced", value.kind());
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    let values = collect(meter, value)?;
    let places = places(values.len(), start, stop, step);
    Ok(sequence(places.filter_map(|at| values.get(at).cloned()).collect(), value))
}

/// The places that a slice of `length` takes.
fn places(length: usize, start: Bound, stop: Bound, step: i64) -> impl Iterator<Item = usize> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    // Backwards, -1 is the end before the first.
    let (low, high) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let place = |bound: Bound, otherwise: i64| {
        let from_end = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
        bound.map_or(otherwise, |at| from_end(at).clamp(low, high))
    };
    let (start, stop) = if step > 0 {
        (place(start, low), place(stop, high))
    } else {
        (place(start, high), place(stop, low))
    };
    let next = move |at: &i64| at.checked_add(step);
    let is_inside = move |at: &i64| if step > 0 { *at < stop } else { *at > stop };
    core::iter::successors(Some(start), next).take_while(is_inside).filter_map(|at| usize::try_from(at).ok())
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    /// From Python: `list(range(length))[start:stop:step]`.
    #[test]
    fn slices_are_pythons() {
        let slice = |length, start, stop, step| places(length, start, stop, step).collect::<Vec<_>>();
        assert_eq!(slice(4, None, None, 1), [0, 1, 2, 3]);
        assert_eq!(slice(4, Some(1), Some(-1), 1), [1, 2]);
        assert_eq!(slice(4, Some(-9), Some(9), 2), [0, 2]);
        assert_eq!(slice(4, None, None, -1), [3, 2, 1, 0]);
        assert_eq!(slice(4, Some(9), Some(0), -2), [3, 1]);
        assert_eq!(slice(4, Some(-2), None, -1), [2, 1, 0]);
        assert_eq!(slice(4, Some(1), Some(-9), -1), [1, 0]);
        assert!(slice(4, Some(3), Some(1), 1).is_empty());
        assert_eq!(slice(4, None, Some(i64::MIN), -i64::MAX), [3]);
        assert!(slice(0, None, None, -1).is_empty());
    }
}
