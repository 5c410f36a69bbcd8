//! Boundaries of the grammar.
extern crate std;
use super::*;
use std::vec::Vec;

fn parse(template: &str) -> Result<Vec<Piece<'_>>, Reason> {
    pieces(template).collect::<Result<_, _>>().map_err(|e| e.reason)
}

fn hole(template: &str) -> Placeholder<'_> {
    let all = parse(template).unwrap();
    let Some(Piece::Placeholder(hole)) = all.into_iter().find(|p| matches!(p, Piece::Placeholder(_))) else {
        panic!("no placeholder in {template}")
    };
    hole
}

#[test]
fn doubled_braces_are_literal() {
    assert_eq!(parse("{{a}}").unwrap(), [Piece::Literal("{"), Piece::Literal("a}")]);
    assert_eq!(parse("").unwrap(), []);
}

#[test]
fn the_stop_is_the_next_character_even_when_it_is_a_brace_or_long() {
    assert_eq!(hole("{a}-").stop, Some('-'));
    assert_eq!(hole("{a}é").stop, Some('é'));
    assert_eq!(hole("{a}{{").stop, Some('{'));
    assert_eq!(hole("{a}").stop, None);
}

#[test]
fn paths_are_split_into_steps() {
    let hole = hole("k:{item.tags[3][\"a:}b\"].0:>5}");
    assert_eq!(hole.argument, Argument::Name("item"));
    let steps: Vec<_> = hole.path.collect();
    assert_eq!(steps, [Access::Field("tags"), Access::Index(3), Access::Key("a:}b"), Access::Field("0")]);
    assert_eq!(hole.spec, ">5");
}

#[test]
fn a_raw_identifier_is_the_name_behind_its_mark() {
    let hole = hole("{r#type.r#ref[0]:x}");
    assert_eq!((hole.argument, hole.text), (Argument::Name("type"), "r#type.r#ref[0]:x"));
    assert_eq!(hole.path.collect::<Vec<_>>(), [Access::Field("ref"), Access::Index(0)]);
    for wrong in ["{r#}", "{r#1}", "{r#r#a}", "{a.r#}", "{a.r#0}", "{r #a}"] {
        assert_eq!(parse(wrong).unwrap_err(), Reason::BadPath, "{wrong}");
    }
}

#[test]
fn positions_are_counted_or_written_never_both() {
    assert_eq!(parse("{}-{0}").unwrap_err(), Reason::Mixed);
    assert_eq!(parse("{0}-{}").unwrap_err(), Reason::Mixed);
    let pieces = parse("{}-{}").unwrap();
    let Piece::Placeholder(second) = &pieces[2] else { panic!() };
    assert_eq!(second.argument, Argument::Position(1));
}

#[test]
fn what_could_merge_two_keys_is_rejected() {
    assert_eq!(parse("{a}{b}").unwrap_err(), Reason::Adjacent);
    assert_eq!(parse("{a}%").unwrap_err(), Reason::PercentAfter);
    assert_eq!(parse("{a").unwrap_err(), Reason::Unclosed);
    assert_eq!(parse("a}").unwrap_err(), Reason::Unopened);
    assert_eq!(parse("{a b}").unwrap_err(), Reason::BadPath);
    assert_eq!(parse("{a[x]}").unwrap_err(), Reason::BadPath);
    assert_eq!(parse("{a:,}").unwrap_err(), Reason::BadSpec);
    for wrong in ["{a:w$}", "{a:>8hash}", "{a:hashx}", "{a:Hash}", "{a:hash?}"] {
        assert_eq!(parse(wrong).unwrap_err(), Reason::BadSpec, "{wrong}");
    }
}

#[test]
fn specs_of_rust_are_accepted() {
    for spec in ["03", ">5", "*^7", ".2", "x", "#010x", "+.3e", "?", "<", HASH] {
        assert!(spec::is_valid(spec), "{spec}");
    }
}
