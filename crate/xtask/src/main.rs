//! Builds one wasm file and its JavaScript glue.
//!
//! `cargo run -p xtask -- build <cpu|cpu_relaxed|cpu_threads|gpu> [--profile release|fast] [--out DIR] [--names]` leaves
//! `DIR/inglenook_<kind>.js`, `.d.ts` and `_bg.wasm`. Optimising the wasm is not done here. `--names` keeps the names of
//! functions, which a release file lacks otherwise.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use wasm_bindgen_cli_support::Bindgen;

const TARGET: &str = "wasm32-unknown-unknown";
/// Keeps operations in the order of the source. The compiler knows of no registers in wasm, and by its own order would
/// have more values alive in the loops of the kernels than the browser has registers for.
const ORDER: &str = "llvm-args=-pre-RA-sched=source";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let (command, kind) = (args.first().map(String::as_str), args.get(1).map(String::as_str));
    let (Some("build"), Some(kind @ ("cpu" | "cpu_relaxed" | "cpu_threads" | "gpu"))) = (command, kind)
    else {
        return Err("usage: xtask build <cpu|cpu_relaxed|cpu_threads|gpu> \
                    [--profile release|fast] [--out DIR] [--names]"
            .into());
    };
    let profile = option(&args, "--profile").unwrap_or("release");
    let default_out = format!("target/bindgen/{kind}");
    let out = option(&args, "--out").unwrap_or(&default_out);
    compile(kind, profile)?;
    let names = profile != "release" || args.iter().any(|arg| arg == "--names");
    bindgen(kind, profile, Path::new(out), names)
}

fn option<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let place = args.iter().position(|arg| arg == name)?;
    args.get(place + 1).map(String::as_str)
}

fn compile(kind: &str, profile: &str) -> Result<()> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["rustc", "--package", "inglenook", "--lib", "--target", TARGET, "--profile", profile]);
    cargo.arg("--target-dir").arg(target_folder(kind));
    if kind == "gpu" {
        cargo.args(["--features", "gpu"]);
    }
    if profile == "release" {
        cargo.arg("--config").arg(remapped_paths()?);
    }
    if kind == "cpu_threads" {
        share_memory(&mut cargo);
    }
    if kind != "gpu" {
        cargo.args(["--", "-C", ORDER]);
    }
    if kind == "cpu_relaxed" || kind == "cpu_threads" {
        // For this crate alone: some of what it depends on does not compile with it.
        cargo.args(["-C", "target-feature=+relaxed-simd"]);
    }
    let status = cargo.status()?;
    if status.success() { Ok(()) } else { Err(format!("cargo build of the {kind} file failed").into()) }
}

/// Compiles everything with atomic instructions, the standard library too, which is shipped without: hence its source, and
/// the leave to use what the compiler calls unstable.
fn share_memory(cargo: &mut Command) {
    // What is exported is how wasm-bindgen gives every thread its own thread-local variables. The browser reserves the
    // addresses of the whole memory; what is not used is not occupied.
    let link = [
        "--shared-memory",
        "--import-memory",
        "--max-memory=4294967296",
        "--export=__wasm_init_tls",
        "--export=__tls_size",
        "--export=__tls_align",
        "--export=__tls_base",
    ];
    let features = "target-feature=+atomics,+bulk-memory,+mutable-globals".to_owned();
    let flags = [features].into_iter().chain(link.map(|arg| format!("link-arg={arg}")));
    let flags: Vec<String> = flags.flat_map(|flag| ["\"-C\"".to_owned(), format!("{flag:?}")]).collect();
    cargo.arg("--config").arg(format!("target.{TARGET}.rustflags=[{}]", flags.join(",")));
    cargo.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
}

/// Where a kind is compiled: the leave changes what build scripts find, so that one folder would be compiled anew each time.
fn target_folder(kind: &str) -> PathBuf {
    let target = PathBuf::from(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    if kind == "cpu_threads" { target.join("threads") } else { target }
}

/// The setting that keeps this machine's paths out of the file: panic messages carry the paths of sources.
fn remapped_paths() -> Result<String> {
    let home = env::home_dir().ok_or("there is no home directory")?;
    let cargo_home = env::var_os("CARGO_HOME").map_or(home.join(".cargo"), PathBuf::from);
    let rustc = Command::new("rustc").args(["--print", "sysroot"]).output()?;
    let sysroot = String::from_utf8(rustc.stdout)?;
    let flags = [(cargo_home.display().to_string(), "cargo"), (sysroot.trim().to_owned(), "rust")]
        .map(|(from, to)| format!("{:?}", format!("--remap-path-prefix={from}={to}")));
    Ok(format!("target.{TARGET}.rustflags=[{}]", flags.join(",")))
}

fn bindgen(kind: &str, profile: &str, out: &Path, names: bool) -> Result<()> {
    let wasm = target_folder(kind).join(TARGET).join(profile).join("inglenook.wasm");
    Bindgen::new()
        .input_path(wasm)
        .out_name(&format!("inglenook_{kind}"))
        .web(true)?
        .typescript(true)
        .remove_name_section(!names)
        .remove_producers_section(true)
        .generate(out)?;
    let glue = fs::read_to_string(out.join(format!("inglenook_{kind}.js")))?;
    // See the constructors in `crate/src/web.rs`: run around every call, they cost milliseconds each time.
    if glue.contains("_command_export") {
        return Err("the linker wrapped the exports in calls of the constructors".into());
    }
    Ok(())
}
