//! The README and the guide: whatever they link to is there, in a checkout and in rustdoc.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().into()
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("std-backends/guide")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Outside blocks of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// Label and target of a line `[label]: target`.
fn definition(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix('[')?.split_once("]: ")
}

fn targets(text: &str) -> Vec<&str> {
    let inline = |line| str::split(line, "](").skip(1).filter_map(|rest| rest.split(')').next());
    let all = prose(text).flat_map(|line| inline(line).chain(definition(line).map(|(_, target)| target)));
    all.filter(|target| !target.contains("://")).collect()
}

/// The names by which headings are linked to.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_of_it() {
    let mut checked = 0;
    let others = ["README.md", "tests/README.md", "core/ARCHITECTURE.md"].map(|name| root().join(name));
    for from in pages().into_iter().chain(others) {
        for target in targets(&fs::read_to_string(&from).unwrap()) {
            let (file, heading) = target.split_once('#').unwrap_or((target, ""));
            let to = if file.is_empty() { from.clone() } else { from.with_file_name("").join(file) };
            let text = fs::read_to_string(&to).unwrap_or_else(|_| panic!("{}: {target}", from.display()));
            assert!(heading.is_empty() || anchors(&text).contains(heading), "{}: {target}", from.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn every_page_is_a_module_whose_links_lead_to_modules() {
    let (guide, readme) = (root().join("std-backends/src/guide.rs"), root().join("README.md"));
    let (guide, readme) = (fs::read_to_string(guide).unwrap(), fs::read_to_string(readme).unwrap());
    for page in pages() {
        let name = page.file_stem().unwrap().to_str().unwrap();
        assert!(guide.lines().any(|line| line.trim() == name), "`pages!` lacks {name}");
        assert!(guide.contains(&format!("[`{name}`]")), "the index lacks {name}");
        assert!(readme.contains(&format!("(std-backends/guide/{name}.md)")), "the README lacks {name}");
        for (label, _) in fs::read_to_string(&page).unwrap().lines().filter_map(definition) {
            assert!(guide.contains(&format!("\"[{label}]: crate::")), "{name}: [{label}]");
        }
    }
}

#[test]
fn the_readme_is_a_door() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150);
}
