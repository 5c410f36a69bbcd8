//! The crate that holds all shapes, and what the compiler says of it.

use crate::variant::Variant;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

/// What the compiler says, by module.
pub(crate) type Said = BTreeMap<String, Vec<String>>;

/// A package in the target folder, which depends on the library.
#[derive(Debug)]
pub(crate) struct Tried {
    folder: PathBuf,
}

/// The errors and the warnings of one pass.
#[derive(Debug, Default)]
pub(crate) struct Pass {
    pub(crate) errors: Said,
    /// The lints that spoke, by name.
    pub(crate) warnings: BTreeMap<String, BTreeSet<String>>,
}

impl Tried {
    /// Writes the package, with the dependencies' versions of the workspace.
    pub(crate) fn new(workspace: &Path, folder: PathBuf) -> io::Result<Self> {
        let _ = fs::remove_dir_all(folder.join("src"));
        fs::create_dir_all(folder.join("src/rows"))?;
        let manifest = format!(
            "[package]\nname = \"tried\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             cachify = {{ path = \"{}\" }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n\n\
             [profile.dev]\ndebug = false\nincremental = false\n",
            workspace.join("std-backends").display()
        );
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::copy(workspace.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        fs::write(folder.join("src/main.rs"), include_str!("../tried/main.rs"))?;
        fs::write(folder.join("src/support.rs"), include_str!("../tried/support.rs"))?;
        Ok(Self { folder })
    }

    pub(crate) fn module(&self, name: &str, source: &str) -> io::Result<()> {
        fs::write(self.folder.join(format!("src/rows/{name}.rs")), source)
    }

    /// The table of the shapes that are called, and their modules.
    pub(crate) fn rows(&self, variants: &[Variant<'_>], bare: &BTreeSet<String>) -> io::Result<()> {
        let mut text = "use crate::Row;\n\n".to_owned();
        for module in bare.iter().cloned().chain(variants.iter().map(Variant::module)) {
            let _ = writeln!(text, "#[allow(dead_code)]\nmod {module};");
        }
        text += "\npub fn all() -> Vec<Row> {\n    let mut rows = Vec::new();\n";
        for variant in variants {
            let (title, runs, differs) = (variant.title(), variant.runs(), variant.differs());
            let (bare, with) = (variant.bare_module(), variant.module());
            let _ = writeln!(
                text,
                "    rows.push(Row {{ title: {title:?}, runs: {runs}, differs: {differs}, bare: {bare}::call, with: \
                 {with}::call, also: {with}::also }});"
            );
        }
        text += "    rows\n}\n";
        fs::write(self.folder.join("src/rows.rs"), text)
    }

    /// Checks or builds all that is in the table.
    pub(crate) fn pass(&self, command: &str) -> io::Result<Pass> {
        let out = self.cargo(command).arg("--message-format=json").stderr(Stdio::null()).output()?;
        let mut pass = Pass::default();
        for line in String::from_utf8_lossy(&out.stdout).lines() {
            let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
            if line["target"]["name"] == "tried" && line["reason"] == "compiler-message" {
                pass.add(&line["message"]);
            }
        }
        if !out.status.success() && pass.errors.is_empty() {
            // not by a shape: said in full
            self.cargo(command).status()?;
            return Err(io::Error::other("the shapes were not compiled"));
        }
        Ok(pass)
    }

    pub(crate) fn run(&self) -> io::Result<ExitStatus> {
        self.cargo("run").arg("--quiet").stderr(Stdio::null()).status()
    }

    fn cargo(&self, command: &str) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.arg(command).current_dir(&self.folder);
        cargo
    }
}

impl Pass {
    fn add(&mut self, message: &Value) {
        let Some(module) = module(message) else { return };
        match (message["level"].as_str(), message["code"]["code"].as_str()) {
            (Some("error"), _) => self.errors.entry(module).or_default().push(text(message)),
            (_, Some(lint)) => {
                self.warnings.entry(module).or_default().insert(lint.to_owned());
            }
            _ => {}
        }
    }
}

/// The module a message is about: where its spans, or what they were expanded from, lie.
fn module(message: &Value) -> Option<String> {
    let list = |of: &'static str| message[of].as_array().into_iter().flatten();
    let mut own = list("spans").filter(|span| span["is_primary"] == true).chain(list("spans"));
    own.find_map(module_of_span).or_else(|| list("children").find_map(module))
}

fn module_of_span(span: &Value) -> Option<String> {
    let file = span["file_name"].as_str()?;
    match file.strip_prefix("src/rows/") {
        Some(file) => Some(file.trim_end_matches(".rs").to_owned()),
        None => module_of_span(&span["expansion"]["span"]),
    }
}

/// What a message says, with its labels, notes and help.
fn text(message: &Value) -> String {
    let list = |of: &'static str| message[of].as_array().into_iter().flatten();
    let labels = list("spans").filter_map(|span| span["label"].as_str().map(str::to_owned));
    let own = message["message"].as_str().map(str::to_owned);
    own.into_iter().chain(labels).chain(list("children").map(text)).collect::<Vec<_>>().join("; ")
}
