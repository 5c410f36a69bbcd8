//! Functions of all shapes, under each attribute, sync and async: each compiles and behaves as the bare function, or is
//! refused by the sentence that the lists in `shapes/` expect.
//!
//! All are modules of one crate, which is checked until nothing more is refused, built once, and run.

mod crate_of;
mod shape;
mod variant;

use crate_of::{Said, Tried};
use shape::Shape;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};
use variant::Variant;

fn main() -> io::Result<ExitCode> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = here.join("../..").canonicalize()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    let shapes = shapes(&here.join("shapes"), &env::args().nth(1).unwrap_or_default())?;
    let all: Vec<_> = shapes.iter().enumerate().flat_map(|(at, shape)| Variant::all(at, shape)).collect();
    let tried = Tried::new(&workspace, target.join("shapes"))?;
    let mut bare = BTreeMap::new();
    for variant in &all {
        bare.insert(variant.bare_module(), variant.bare());
        tried.module(&variant.module(), &variant.source())?;
    }
    for (name, source) in &bare {
        tried.module(name, source)?;
    }
    let (called, refused, mut wrong) = sift(&tried, &all, &bare.into_keys().collect())?;
    wrong += refusals(&all, &refused);
    let behaves = tried.run()?.success();
    println!(
        "{} shapes, {} functions: {} compile, {} are refused, {wrong} wrong",
        shapes.len(),
        all.len(),
        called,
        refused.len()
    );
    Ok(if wrong == 0 && behaves { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The shapes of all lists whose names contain `filter`.
fn shapes(folder: &Path, filter: &str) -> io::Result<Vec<Shape>> {
    let mut files = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    files.sort();
    let lists = files.iter().map(fs::read_to_string).collect::<io::Result<Vec<_>>>()?;
    Ok(lists.iter().flat_map(|list| Shape::all(list)).filter(|shape| shape.name.contains(filter)).collect())
}

/// Takes out what is refused until the rest builds: how many that are, what was said, and what is wrong with the rest.
///
/// The compiler goes on to types only where all names are known, and to borrows only where all types are.
fn sift(tried: &Tried, all: &[Variant<'_>], bare: &BTreeSet<String>) -> io::Result<(usize, Said, usize)> {
    let mut refused = Said::new();
    let mut command = "check";
    loop {
        let rest: Vec<_> = all.iter().filter(|v| !refused.contains_key(&v.module())).copied().collect();
        tried.rows(&rest, bare)?;
        let pass = tried.pass(command)?;
        for (name, errors) in pass.errors.iter().filter(|(name, _)| bare.contains(*name)) {
            println!("{name} is no function of Rust: {}", errors.join("\n"));
        }
        if pass.errors.keys().any(|name| bare.contains(name)) {
            return Err(io::Error::other("a list is wrong"));
        }
        if pass.errors.is_empty() && command == "build" {
            return Ok((rest.len(), refused, lints(&rest, &pass.warnings)));
        }
        if pass.errors.is_empty() {
            // some sizes are known only when code is made
            command = "build";
        }
        refused.extend(pass.errors);
    }
}

/// How many have a lint speak that is silent of the bare function.
fn lints(rest: &[Variant<'_>], warnings: &BTreeMap<String, BTreeSet<String>>) -> usize {
    let none = BTreeSet::new();
    let of = |module: &str| warnings.get(module).unwrap_or(&none);
    let mut wrong = 0;
    for variant in rest {
        let new: Vec<_> = of(&variant.module()).difference(of(&variant.bare_module())).cloned().collect();
        if !new.is_empty() {
            println!("{}: a lint speaks only with the attribute: {}", variant.title(), new.join(", "));
            wrong += 1;
        }
    }
    wrong
}

/// Whether errors say what is expected, and nothing else; ` | ` stands between two sentences.
fn says(errors: &[String], expected: &str) -> bool {
    let all = || expected.split(" | ");
    all().all(|one| errors.iter().any(|said| said.contains(one)))
        && errors.iter().all(|said| all().any(|one| said.contains(one)))
}

/// Says by which sentences how many are refused; how many are so by another one, or not although they are to be.
fn refusals(all: &[Variant<'_>], refused: &Said) -> usize {
    let mut sentences = BTreeMap::new();
    let mut wrong = 0;
    for variant in all {
        let errors = refused.get(&variant.module()).map(Vec::as_slice).unwrap_or_default();
        match variant.refused() {
            Some(expected) if says(errors, expected) => *sentences.entry(expected).or_insert(0) += 1,
            None if errors.is_empty() => {}
            expected => {
                wrong += 1;
                let expected = expected.unwrap_or("that it compiles");
                println!("{}: expected: {expected}\n  {}", variant.title(), errors.join("\n  "));
            }
        }
    }
    for (sentence, functions) in &sentences {
        println!("{functions:>5} refused: {sentence}");
    }
    wrong
}
