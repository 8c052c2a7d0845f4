//! Templates as programs in which every operation pays for its work.
//!
//! The engine's compiler makes the program; then every instruction whose cost depends on its operands is replaced by a
//! filter that does the same and pays (see [`super::operators`]). Nothing else bounds them: the engine's own limits
//! are a hundred million bytes or items for each.

use minijinja::machinery::{CodeGenerator, Instruction, Instructions, parse};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, Value};

use super::meter::failed;
use super::operators::{COMPARE, INDEX, ITERATE, PART, SLICE};
use super::tags;

type Result<T> = core::result::Result<T, Error>;

/// The name of the one template; error messages show it.
const NAME: &str = "chat";

/// The program of a template, which outlives nothing but its source.
///
/// # Errors
/// For what is no template, and for one that uses what cannot be bounded.
pub(super) fn compile(source: &str) -> Result<Instructions<'_>> {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?;
    tags::check(source, &syntax)?;
    let tree = parse(source, NAME, syntax)?;
    let mut generator = CodeGenerator::new(NAME, source);
    generator.compile_stmt(&tree);
    let (program, _) = generator.finish();
    metered(&program)
}

/// The program with payments.
fn metered<'a>(program: &Instructions<'a>) -> Result<Instructions<'a>> {
    let all = || (0..).map_while(|at| program.get(at));
    let mut places = vec![0];
    for instruction in all() {
        let place = places.last().copied().unwrap_or(0);
        places.push(place + replacement(instruction)?.len() as u32);
    }
    let mut metered = Instructions::new(NAME, program.source());
    for (at, instruction) in (0..).zip(all()) {
        for mut instruction in replacement(instruction)? {
            if let Some(target) = target(&mut instruction) {
                *target = places.get(*target as usize).copied().unwrap_or(*target);
            }
            let line = program.get_line(at).and_then(|line| u16::try_from(line).ok());
            metered.add_with_line(instruction, line.unwrap_or(0));
        }
    }
    Ok(metered)
}

/// Where an instruction makes the program go on.
fn target<'i>(instruction: &'i mut Instruction<'_>) -> Option<&'i mut u32> {
    match instruction {
        Instruction::Jump(target)
        | Instruction::JumpIfFalse(target)
        | Instruction::JumpIfFalseOrPop(target)
        | Instruction::JumpIfTrueOrPop(target)
        | Instruction::Iterate(target)
        | Instruction::BuildMacro(_, target, _) => Some(target),
        _ => None,
    }
}

/// A filter of so many arguments.
fn filter<'a>(name: &'static str, arguments: u16) -> Instruction<'a> {
    // It is looked up by name: the engine numbers only those that the template writes.
    Instruction::ApplyFilter(name, Some(arguments), !0)
}

/// Instructions that do what one does, and pay.
fn replacement<'a>(instruction: &Instruction<'a>) -> Result<Vec<Instruction<'a>>> {
    use Instruction as I;
    let unbounded = |what| Err(failed(what));
    Ok(vec![match instruction {
        I::Add => filter("+", 2),
        I::Mul => filter("*", 2),
        I::StringConcat => filter("~", 2),
        I::Eq => filter("==", 2),
        I::Ne => filter("!=", 2),
        I::Lt => filter("<", 2),
        I::Lte => filter("<=", 2),
        I::Gt => filter(">", 2),
        I::Gte => filter(">=", 2),
        I::In => filter("in", 2),
        I::GetItem => filter(INDEX, 2),
        I::Slice => filter(SLICE, 4),
        I::CompareAndPreserve(operator) => {
            let operator = Value::from(format!("{operator:?}"));
            return Ok(vec![I::LoadConst(operator), filter(COMPARE, 3), I::UnpackList(2)]);
        }
        I::EmitRaw(text) => return Ok(vec![I::LoadConst(Value::from(*text)), I::Emit]),
        I::BuildList(_) | I::BuildTuple(_) | I::BuildMap(_) => {
            return Ok(vec![instruction.clone(), filter(PART, 1)]);
        }
        I::SetAttr(_) => return Ok(vec![I::Swap, filter(PART, 1), I::Swap, instruction.clone()]),
        // Its second bit: a loop that calls itself would enter beside the payment.
        I::PushLoop(flags) if flags & 2 != 0 => return unbounded("loops cannot be recursive"),
        I::PushLoop(_) => return Ok(vec![filter(ITERATE, 1), instruction.clone()]),
        I::UnpackLists(_) | I::MergeKwargs(_) => return unbounded("arguments cannot be unpacked"),
        I::CallBlock(_) | I::LoadBlocks | I::Include(_) => {
            return unbounded("there are no blocks and no other templates");
        }
        I::CallMethod("changed", _) => return unbounded("there is no method changed"),
        // The engine divides by the number of its arguments.
        I::CallMethod("cycle", None | Some(..=1)) => return unbounded("cycle needs arguments"),
        _ => instruction.clone(),
    }])
}
