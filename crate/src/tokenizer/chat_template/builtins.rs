//! Jinja's filters, tests and functions, each of which pays for its work. What formats or pads by a width that the
//! template chooses is not there, nor are the engine's own additions to Jinja.

use std::sync::Arc;

use minijinja::value::{Kwargs, Rest, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind, State, Value, filters, functions, tests};

use super::meter::{Meter, NODE, failed, items};
use super::operators::{collect, is_in};
use super::{clock, json, methods};

type Result<T> = core::result::Result<T, Error>;

/// What a filter or a test reads of its first argument.
#[derive(Clone, Copy)]
enum Reads {
    /// A text, or the place of one item.
    One,
    /// Every item, and the other arguments for each.
    Items,
    /// Everything, and the other arguments for each item.
    All,
    /// Everything, as often as sorting does; the other arguments for each item.
    Sorted,
}

/// How often sorting compares each of 2^16 items.
const PASSES: usize = 16;
/// The widest indentation, in spaces.
const MAX_INDENT: usize = 1000;

/// Adds everything to an environment that has nothing.
pub(super) fn add_builtins(environment: &mut Environment<'_>, meter: &Arc<Meter>) {
    for (name, filter, reads) in builtin_filters() {
        let meter = Arc::clone(meter);
        environment.add_filter(name, move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
            call(&meter, state, &filter, reads, &arguments.into_values())
        });
    }
    for (name, test, reads) in builtin_tests() {
        let meter = Arc::clone(meter);
        environment.add_test(name, move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
            call(&meter, state, &test, reads, &arguments.into_values())
        });
    }
    let of = Arc::clone(meter);
    environment.add_test("in", move |state: &State<'_, '_>, value: &Value, container: &Value| {
        is_in(&of, state, value, container)
    });
    let of = Arc::clone(meter);
    environment.add_filter("replace", move |text: &Value, old: &Value, new: &Value| {
        methods::call(&of, text, "replace", &[old.clone(), new.clone()])
    });
    let of = Arc::clone(meter);
    environment.add_filter("indent", move |state: &mut State<'_, '_>, arguments: Rest<ValueOrKwargs>| {
        indent(&of, state, &arguments.into_values())
    });
    let of = Arc::clone(meter);
    environment.add_filter("tojson", move |value: &Value, kwargs: Kwargs| json::filter(&of, value, &kwargs));
    add_functions(environment, meter);
}

fn add_functions(environment: &mut Environment<'_>, meter: &Arc<Meter>) {
    environment.add_function("range", range);
    environment.add_function("raise_exception", raise);
    let of = Arc::clone(meter);
    environment.add_function("strftime_now", move |format: &str| {
        // A field of two characters writes at most twenty.
        of.pay(format.len().saturating_mul(NODE))?;
        clock::format_now(format)
    });
    let of = Arc::clone(meter);
    environment.add_function("dict", move |value: Option<Value>, kwargs: Kwargs| {
        for key in kwargs.args() {
            of.pay_part(&kwargs.peek(key)?)?;
        }
        value.iter().try_for_each(|value| of.pay_part(value))?;
        functions::dict(value, kwargs)
    });
    let of = Arc::clone(meter);
    environment.add_function("namespace", move |defaults: Option<ValueOrKwargs>| {
        defaults.iter().try_for_each(|defaults| of.pay_part(defaults))?;
        functions::namespace(defaults)
    });
}

/// `function(arguments)`, after paying for it; what it would only find out later it finds out now.
fn call(
    meter: &Meter,
    state: &mut State<'_, '_>,
    function: &Value,
    reads: Reads,
    arguments: &[Value],
) -> Result<Value> {
    if let Some((first, others)) = arguments.split_first() {
        pay(meter, first, others, reads)?;
    }
    let result = function.call(state, arguments)?;
    match result.kind() {
        ValueKind::Iterable => collect(meter, &result).map(Value::from),
        _ => Ok(result),
    }
}

fn pay(meter: &Meter, first: &Value, others: &[Value], reads: Reads) -> Result<()> {
    let text = first.as_str().map(str::len);
    let length = text.unwrap_or_else(|| items(first));
    match reads {
        Reads::One => meter.pay_touch(first)?,
        Reads::Items => meter.pay_items(first)?,
        Reads::All => meter.pay_all(first)?,
        Reads::Sorted => (0..PASSES).try_for_each(|_| meter.pay_all(first))?,
    }
    for other in others {
        let before = meter.left();
        meter.pay_all(other)?;
        let cost = usize::try_from(before - meter.left()).unwrap_or(usize::MAX);
        if !matches!(reads, Reads::One) {
            meter.pay(length.saturating_mul(cost))?;
        }
    }
    Ok(())
}

/// `text|indent(width, first, blank)`.
fn indent(meter: &Meter, state: &mut State<'_, '_>, arguments: &[Value]) -> Result<Value> {
    let (text, width, _, _, kwargs): (&str, Option<usize>, Option<Value>, Option<Value>, Kwargs) =
        from_args(arguments)?;
    let width = width.or(kwargs.get("width")?).unwrap_or(4);
    if width > MAX_INDENT {
        return Err(failed("the indentation is too wide"));
    }
    let lines = text.matches('\n').count() + 1;
    meter.pay(text.len() + lines.saturating_mul(width))?;
    Value::from_function(filters::indent).call(state, arguments)
}

/// `range(start, stop, step)`, of which the engine allows 100,000 items.
fn range(start: i64, stop: Option<i64>, step: Option<i64>) -> Result<Value> {
    // So that no difference overflows.
    let small = |number: i64| isize::try_from(number).ok().filter(|number| number.unsigned_abs() < 1 << 29);
    let all = [Some(start), stop, step].map(|number| number.map(small));
    match all {
        [Some(Some(start)), stop, step] if stop != Some(None) && step != Some(None) => {
            functions::range(start, stop.flatten(), step.flatten())
        }
        _ => Err(failed("range has too many elements")),
    }
}

fn raise(message: String) -> Result<Value> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn builtin_filters() -> Vec<(&'static str, Value, Reads)> {
    use Reads::{All, Items, One, Sorted};
    use Value as V;
    vec![
        ("abs", V::from_function(filters::abs), One),
        ("attr", V::from_function(filters::attr), One),
        ("bool", V::from_function(filters::bool), One),
        ("capitalize", V::from_function(filters::capitalize), Items),
        ("count", V::from_function(filters::length), One),
        ("d", V::from_function(filters::default), One),
        ("default", V::from_function(filters::default), One),
        ("dictsort", V::from_function(filters::dictsort), Sorted),
        ("e", V::from_function(filters::escape), All),
        ("escape", V::from_function(filters::escape), All),
        ("first", V::from_function(filters::first), One),
        ("float", V::from_function(filters::float), One),
        ("groupby", V::from_function(filters::groupby), Sorted),
        ("int", V::from_function(filters::int), One),
        ("items", V::from_function(filters::items), Items),
        ("join", V::from_function(filters::join), All),
        ("last", V::from_function(filters::last), One),
        ("length", V::from_function(filters::length), One),
        ("list", V::from_function(filters::list), Items),
        ("lower", V::from_function(filters::lower), Items),
        ("map", V::from_function(filters::map), All),
        ("max", V::from_function(filters::max), All),
        ("min", V::from_function(filters::min), All),
        ("reject", V::from_function(filters::reject), All),
        ("rejectattr", V::from_function(filters::rejectattr), All),
        ("reverse", V::from_function(filters::reverse), Items),
        ("round", V::from_function(filters::round), One),
        ("safe", V::from_function(filters::safe), All),
        ("select", V::from_function(filters::select), All),
        ("selectattr", V::from_function(filters::selectattr), All),
        ("sort", V::from_function(filters::sort), Sorted),
        ("string", V::from_function(filters::string), All),
        ("title", V::from_function(filters::title), Items),
        ("trim", V::from_function(filters::trim), Items),
        ("unique", V::from_function(filters::unique), Sorted),
        ("upper", V::from_function(filters::upper), Items),
    ]
}

fn builtin_tests() -> Vec<(&'static str, Value, Reads)> {
    use Reads::{All, One};
    use Value as V;
    vec![
        ("!=", V::from_function(tests::is_ne), All),
        ("<", V::from_function(tests::is_lt), All),
        ("<=", V::from_function(tests::is_le), All),
        ("==", V::from_function(tests::is_eq), All),
        (">", V::from_function(tests::is_gt), All),
        (">=", V::from_function(tests::is_ge), All),
        ("boolean", V::from_function(tests::is_boolean), One),
        ("defined", V::from_function(tests::is_defined), One),
        ("divisibleby", V::from_function(tests::is_divisibleby), One),
        ("eq", V::from_function(tests::is_eq), All),
        ("equalto", V::from_function(tests::is_eq), All),
        ("escaped", V::from_function(tests::is_safe), One),
        ("even", V::from_function(tests::is_even), One),
        ("false", V::from_function(tests::is_false), One),
        ("filter", V::from_function(tests::is_filter), One),
        ("float", V::from_function(tests::is_float), One),
        ("ge", V::from_function(tests::is_ge), All),
        ("greaterthan", V::from_function(tests::is_gt), All),
        ("gt", V::from_function(tests::is_gt), All),
        ("integer", V::from_function(tests::is_integer), One),
        ("iterable", V::from_function(tests::is_iterable), One),
        ("le", V::from_function(tests::is_le), All),
        ("lessthan", V::from_function(tests::is_lt), All),
        ("lower", V::from_function(tests::is_lower), One),
        ("lt", V::from_function(tests::is_lt), All),
        ("mapping", V::from_function(tests::is_mapping), One),
        ("ne", V::from_function(tests::is_ne), All),
        ("none", V::from_function(tests::is_none), One),
        ("number", V::from_function(tests::is_number), One),
        ("odd", V::from_function(tests::is_odd), One),
        ("sameas", V::from_function(tests::is_sameas), All),
        ("sequence", V::from_function(tests::is_sequence), One),
        ("string", V::from_function(tests::is_string), One),
        ("test", V::from_function(tests::is_test), One),
        ("true", V::from_function(tests::is_true), One),
        ("undefined", V::from_function(tests::is_undefined), One),
        ("upper", V::from_function(tests::is_upper), One),
    ]
}
