//! The copy of the workspace that has the mutants in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::list::Mutant;
use crate::source::{Mutated, mutate};

/// What is not copied: it is no part of what is tested, or it is large.
const LEFT_OUT: [&str; 5] = [".git", "target", "benches", "mutants", "wip"];

/// Where the mutants are: the folder of the crate they are put into.
const CRATE: &str = "heir-runtime/src";

/// The environment variable that names the mutant that is to be.
pub(crate) const VARIABLE: &str = "HEIR_MUTANT";

/// The module that the switches ask.
const SWITCH: &str = r#"//! Which of the regressions that are written into this copy is to be.

/// Whether it is this one.
pub(crate) fn is(id: &str) -> bool {
    static CHOSEN: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("HEIR_MUTANT").ok()).as_deref() == Some(id)
}
"#;

/// The copy, and where in it each mutant is.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
    mutated: BTreeMap<String, Mutated>,
}

/// A test binary.
pub(crate) struct Suite {
    pub(crate) name: &'static str,
    pub(crate) binary: PathBuf,
    /// The folder of its package, where it runs.
    pub(crate) folder: PathBuf,
}

impl Workspace {
    /// Copies the workspace at `from`, and puts the mutants in; the error names all that cannot be put in.
    pub(crate) fn with(from: &Path, mutants: &[Mutant]) -> io::Result<Result<Self, String>> {
        let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        for mutant in mutants {
            by_file.entry(&mutant.file).or_default().push(mutant);
        }
        let (mut mutated, mut errors) = (BTreeMap::new(), String::new());
        for (file, mutants) in by_file {
            let gone =
                |_| mutants.iter().map(|mutant| format!("{}: there is no {file}", mutant.at)).collect();
            let text = fs::read_to_string(from.join(CRATE).join(file)).map_err(gone);
            let outcome = text.and_then(|text| mutate(&text, &mutants));
            match outcome {
                Ok(file_mutated) => drop(mutated.insert(format!("{CRATE}/{file}"), file_mutated)),
                Err(all) => all.iter().for_each(|error| {
                    let _ = writeln!(errors, "{error}");
                }),
            }
        }
        if !errors.is_empty() {
            return Ok(Err(errors));
        }
        let there = from.join("target/mutants");
        let copy = Self { root: there.join("source"), target: there.join("build"), mutated };
        copy.copy(from, Path::new(""))?;
        Ok(Ok(copy))
    }

    /// Copies one folder. What has not changed is not written, so that cargo builds no more than it must.
    fn copy(&self, from: &Path, folder: &Path) -> io::Result<()> {
        let there = self.root.join(folder);
        fs::create_dir_all(&there)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(from.join(folder))? {
            let entry = entry?;
            let name = entry.file_name();
            if LEFT_OUT.iter().any(|left_out| name == *left_out) {
                continue;
            }
            let path = folder.join(&name);
            if entry.file_type()?.is_dir() {
                self.copy(from, &path)?;
            } else {
                write(&self.root.join(&path), &self.text_of(&path, fs::read(entry.path())?))?;
            }
            names.push(name);
        }
        if folder == Path::new(CRATE) {
            write(&there.join("__mutant.rs"), SWITCH.as_bytes())?;
            names.push("__mutant.rs".into());
        }
        // What is gone there is gone here.
        for entry in fs::read_dir(there)? {
            let entry = entry?;
            if names.contains(&entry.file_name()) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn text_of(&self, path: &Path, original: Vec<u8>) -> Vec<u8> {
        let path = path.to_string_lossy();
        let mut bytes = match self.mutated.get(&*path) {
            Some(mutated) => mutated.text.clone().into_bytes(),
            None => original,
        };
        if path == format!("{CRATE}/lib.rs") {
            bytes.extend_from_slice(b"\n#[doc(hidden)]\nmod __mutant;\n");
        }
        bytes
    }

    /// Builds the test binaries, once for all mutants. The error names those that do not compile.
    pub(crate) fn build(&self) -> io::Result<Result<Vec<Suite>, String>> {
        let output = Command::new("cargo")
            .args(["test", "--no-run", "--message-format=short"])
            .args(["-p", "heir-runtime", "-p", "heir-tests", "--features", "heir-runtime/serde,heir-runtime/table-files"])
            .args(["--lib", "--test", "conformance", "--test", "model", "--target-dir"])
            .arg(&self.target)
            .current_dir(&self.root)
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .env("RUSTFLAGS", "--cap-lints=allow")
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Ok(Err(self.blame(&said)));
        }
        let suites = [("lib", "heir_runtime-", "heir-runtime"), ("conformance", "conformance-", "tests")];
        let suites = suites.into_iter().chain([("model", "model-", "tests")]);
        let find = |(name, stem, folder): (&'static str, &str, &str)| {
            let binary = binaries(&said).find(|path| path.contains(&format!("/deps/{stem}")));
            let binary = binary.map(|binary| self.root.join(binary)).ok_or(name)?;
            Ok(Suite { name, binary, folder: self.root.join(folder) })
        };
        let suites: Result<Vec<_>, &str> = suites.map(find).collect();
        Ok(suites.map_err(|name| format!("cargo built no test binary for {name}:\n{said}")))
    }

    /// Names the mutants in whose lines the compiler found errors.
    fn blame(&self, said: &str) -> String {
        let mut words = String::new();
        for line in said.lines().filter(|line| line.contains(": error")) {
            let _ = match self.mutant_at(line) {
                Some(id) => writeln!(words, "[{id}] does not compile: {line}"),
                None => writeln!(words, "{line}"),
            };
        }
        if words.is_empty() { said.to_owned() } else { words }
    }

    fn mutant_at(&self, line: &str) -> Option<&str> {
        let mut parts = line.split(':');
        let mutated = self.mutated.get(parts.next()?)?;
        let number: usize = parts.next()?.parse().ok()?;
        let innermost = mutated.lines.iter().rfind(|(_, lines)| lines.contains(&number));
        innermost.map(|(id, _)| &**id)
    }
}

/// The binaries that cargo says it has built.
fn binaries(said: &str) -> impl Iterator<Item = &str> {
    said.lines()
        .filter(|line| line.trim_start().starts_with("Executable"))
        .filter_map(|line| Some(line.rsplit_once('(')?.1.trim_end_matches(')')))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(path, bytes)
}
