//! The tour as a person runs it: its output on known files, and one sentence when it cannot be done.

mod redis;

use cachify_tests::program::built;
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output, id},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

/// How many workers the tour has, each of whom asks for every file.
const WORKERS: u64 = 12;

/// A directory of its own, gone when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let path = env::temp_dir().join(format!("cachify-tour-{}-{}", id(), LAST.fetch_add(1, Relaxed)));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// So many files in a few directories, each of another size.
    fn of(files: usize) -> Self {
        (0..files).fold(Self::new(), |all, n| all.with(&format!("{}/{n}", n % 7), &"word ".repeat(n)))
    }

    fn with(self, name: &str, content: &str) -> Self {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The example itself: what it writes to standard error must not mix with warnings of its compilation.
static TOUR: LazyLock<PathBuf> = LazyLock::new(|| built(&["--features", "cachify/redis", "--example", "tour"]));

fn tour(directory: &Path) -> Output {
    tour_with(directory, &[])
}

fn tour_with(directory: &Path, options: &[&str]) -> Output {
    Command::new(&*TOUR).arg(directory).args(options).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Standard output with single blanks, for columns are as wide as they need to be.
fn lines(of: &Output) -> Vec<String> {
    assert!(of.status.success(), "{}", text(&of.stderr));
    text(&of.stdout).lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Requests, hits, misses, and those that waited for another's answer.
fn pass(lines: &[String], name: &str) -> [u64; 4] {
    let line = lines.iter().find(|line| line.starts_with(name)).expect(name);
    let numbers: Vec<_> = line.rsplit(' ').take(4).map(|number| number.replace(',', "").parse().unwrap()).collect();
    [numbers[3], numbers[2], numbers[1], numbers[0]]
}

fn assert_said(lines: &[String], what: &str) {
    assert!(lines.iter().any(|line| line.contains(what)), "`{what}` in {lines:#?}");
}

/// One sentence on standard error that says `what`, and a status that says failure.
fn assert_one_sentence(of: &Output, what: &str) {
    let said = text(&of.stderr);
    assert_eq!(of.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("tour: ") && said.contains(what), "{said}");
    assert!(!text(&of.stdout).contains("analysed"), "nothing is claimed");
}

#[test]
fn known_files_are_analysed_once_then_hit_then_missed_after_a_reset() {
    let directory = Directory::new()
        .with("first.txt", "one two three\nthe longest line, é\nlast")
        .with("inner/second.txt", "alpha\n\nbeta gamma\n");
    let output = tour(&directory.0);
    let lines = lines(&output);

    // by sha256sum
    assert_said(&lines, "first.txt 39 B 3 8 19 f66d09360cb08501");
    assert_said(&lines, "inner/second.txt 18 B 3 3 10 38e7b1677185edf5");

    let [requests, hits, misses, waited] = pass(&lines, "first pass");
    assert_eq!((requests, misses, hits + waited), (2 * WORKERS, 2, 2 * WORKERS - 2));
    assert_said(&lines, "24 requests, 2 analyses: each file was analysed exactly once");

    assert_eq!(pass(&lines, "second pass"), [2 * WORKERS, 2 * WORKERS, 0, 0]);

    let [requests, hits, misses, waited] = pass(&lines, "after a reset of first.txt");
    assert_eq!((requests, misses, hits + waited), (WORKERS, 1, WORKERS - 1));
    assert_said(&lines, "of which 1 missed; analysed 2 times in all");

    assert_said(&lines, "the summary was written 1 time by worker");
    assert_said(&lines, "(2 files, 6 lines, 11 words, 57 B); 12 duplicates skipped");
    assert_said(&lines, "Refused: once `summary`, 12 times");
    assert_said(&lines, "2 updates of the shared report, none was lost");
    assert!(!text(&output.stdout).contains('✗'), "{lines:#?}");
}

#[test]
fn a_large_directory_is_shown_in_part_and_no_bar_is_drawn_into_a_pipe() {
    let directory = Directory::of(250);
    let output = tour(&directory.0);
    let lines = lines(&output);
    assert_said(&lines, "250 files, 12 workers");
    assert_said(&lines, "… and 235 files no larger");
    assert_said(&lines, "3,000 requests, 250 analyses: each file was analysed exactly once");
    let [.., waited] = pass(&lines, "first pass");
    assert!(waited > 0, "pairs ask for the same file at once");
    assert_eq!(pass(&lines, "second pass"), [250 * WORKERS, 250 * WORKERS, 0, 0]);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_cannot_be_toured_is_one_sentence() {
    let directory = Directory::new().with("file", "");
    assert_one_sentence(&tour(&directory.0.join("missing")), "there is no `");
    assert_one_sentence(&tour(&directory.0.join("file")), "is not a directory");
    fs::remove_file(directory.0.join("file")).unwrap();
    assert_one_sentence(&tour(&directory.0), "has no files");
}

#[test]
fn options_that_make_no_sense_are_one_sentence() {
    let directory = Directory::new().with("file", "");
    let says = |options: &[&str], what| assert_one_sentence(&tour_with(&directory.0, options), what);
    says(&["--processes", "3"], "share nothing in memory: add `--redis URL`");
    says(&["--processes", "0"], "a number from 1 to 64");
    says(&["--processes", "three"], "a number from 1 to 64");
    says(&["--redis"], "needs a URL");
    says(&["--radis"], "no such option");
    says(&["another"], "one directory at most");
}

/// Permissions would not do: the superuser reads everything.
#[cfg(unix)]
#[test]
fn an_unreadable_file_is_one_sentence_that_names_it() {
    let directory = Directory::new().with("readable", "text\n");
    std::os::unix::fs::symlink("nowhere", directory.0.join("dangling")).unwrap();
    let output = tour(&directory.0);
    assert_one_sentence(&output, "dangling`: it is a link to a file that does not exist");
}

/// Of a fresh clone, by the command in the README.
#[test]
fn the_first_run_compiles_at_most_thirty_crates() {
    for target in ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"] {
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
        // no package is named, as in that command
        cargo.args(["tree", "--edges", "normal,build,dev", "--prefix", "none", "--target", target]);
        let output = cargo.output().unwrap();
        // name and version: a crate that is met again has a mark behind them
        let crates: BTreeSet<_> =
            lines(&output).iter().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
        assert!(crates.iter().any(|name| name.starts_with("cachify v")), "{crates:#?}");
        assert!(crates.len() <= 30, "{target}: {crates:#?}");
    }
}
