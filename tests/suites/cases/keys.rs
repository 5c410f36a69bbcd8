//! K: keys.
//!
//! Rendering needs no store, so most cases ask the companion `key(..)` of a function; K4, K5 and K8, whose parameters
//! are variadic, ask a template parsed at run time, which is where Rust has such arguments. Whole keys, prefix and
//! kind included, are `prefix:kind:{key}` here. Without a Rust meaning are
//! K2's named calls (there are none; the arguments of a run-time template are named, in any order),
//! K3's default parameters (there are none; a shorter function that fills them in comes nearest),
//! K12's `{a:,}` (no Rust format spec; `tests/compile_errors/ui/bad_spec.rs` has the compile error), and
//! K18's `None` (an `Option` has no `Display`; `tests/compile_errors/ui/part_without_display.rs`).
//! That K16 and K17 are errors at definition is in `tests/compile_errors/ui`.

use crate::harness::{Right, Subject, everywhere, ms, on};
use cachify::{
    Arguments, KeyError, KeyTemplate, Refused, Shown, cached,
    cachify_core::key::{AsKey, DynPart, Key, KeyBuffer, Kind, LongKeyBuf},
};
use std::{collections::HashMap, fmt};

pub(crate) fn whole(kind: Kind, prefix: &str, key: &str) -> String {
    Key::new(kind, prefix, key.as_bytes(), 0).to_string()
}

pub(crate) fn rendered(key: impl AsKey) -> Result<String, KeyError> {
    let mut buf = LongKeyBuf::default();
    key.render_key(&mut buf);
    buf.bytes().map(|bytes| String::from_utf8(bytes.to_vec()).expect("made of texts"))
}

pub(crate) fn template(
    text: &str,
    positional: &[&dyn DynPart],
    named: &[(&str, &dyn DynPart)],
) -> Result<String, KeyError> {
    rendered(KeyTemplate::parse(text)?.with(Arguments { positional, named }))
}

#[cached(key = "s-{a}-{b}")]
fn named(a: u8, b: u8) -> u8 {
    a + b
}

#[test]
fn k1_parts_make_the_key() {
    let key = named::key(1, 2).unwrap();
    assert_eq!(key, "s-1-2");
    assert_eq!(whole(Kind::Cache, "PYC", &key), "PYC:c:{s-1-2}");
    assert_eq!(rendered(("s", 1, 2)).unwrap(), "s:1:2", "a tuple is a template with colons");
}

#[test]
fn k2_named_arguments_make_the_same_key_in_any_order() {
    let key = template("s-{a}-{b}", &[], &[("b", &2), ("a", &1)]);
    assert_eq!(key, Ok(named::key(1, 2).unwrap()));
}

#[cached(key = "{a}-{b}-{c}")]
fn with_all(a: u8, b: u8, c: char) -> (u8, char) {
    (a + b, c)
}

#[test]
fn k3_what_a_shorter_function_fills_in_is_in_the_key() {
    let short = |a| with_all::key(a, 7, 'x');
    assert_eq!(short(1).unwrap(), "1-7-x");
}

#[test]
fn k4_arguments_by_position() {
    #[cached(key = "{}-{}")]
    fn two(a: u8, b: u8) -> u8 {
        a + b
    }
    assert_eq!(template("{}-{}", &[&1, &2], &[]).unwrap(), "1-2");
    assert_eq!(two::key(1, 2).unwrap(), "1-2");
}

#[test]
fn k5_a_position_can_be_written_and_repeated() {
    #[cached(key = "{0}-{1}-{0}")]
    fn two(a: u8, b: u8) -> u8 {
        a + b
    }
    assert_eq!(template("{0}-{1}-{0}", &[&1, &2], &[]).unwrap(), "1-2-1");
    assert_eq!(two::key(1, 2).unwrap(), "1-2-1");
}

#[test]
fn k7_positions_also_reach_named_parameters() {
    #[cached(key = "s-{}-{}")]
    fn two(a: u8, b: u8) -> u8 {
        a + b
    }
    assert_eq!(two::key(5, 5).unwrap(), "s-5-5");
}

#[test]
fn k8_names_and_positions_can_meet_in_one_template() {
    assert_eq!(template("{a}-{}", &[&2], &[("a", &1)]).unwrap(), "1-2");
}

#[test]
fn k9_a_position_without_an_argument_is_a_key_error() {
    assert_eq!(template("{}", &[], &[]), Err(KeyError::Missing));
}

#[test]
fn k11_elements_of_maps_and_lists() {
    #[cached(key = "{d[\"k\"]}-{l[0]}")]
    fn elements(d: HashMap<&'static str, u8>, l: Vec<u8>) -> usize {
        d.len() + l.len()
    }
    let map = || HashMap::from([("k", 5)]);
    assert_eq!(elements::key(map(), vec![6]).unwrap(), "5-6");
    let missing = Err(cachify::Error::Key(KeyError::Missing));
    assert_eq!(elements::key(HashMap::new(), vec![6]), missing);
    assert_eq!(elements::key(map(), vec![]), missing);

    #[cached(key = "d:{d[\"k\"][1].0}")]
    fn deep(d: HashMap<&'static str, Vec<(u8, u8)>>) -> usize {
        d.len()
    }
    assert_eq!(deep::key(HashMap::from([("k", vec![(1, 2), (3, 4)])])).unwrap(), "d:3");
    assert_eq!(deep::key(HashMap::from([("k", vec![(1, 2)])])), missing);
}

#[test]
fn k12_format_specs_are_those_of_rust() {
    #[cached(key = "{n:03}|{f:.2}|{t:>5}|{h:x}")]
    fn specs(n: u8, f: f64, t: char, h: u32) -> String {
        format!("{n}{f}{t}{h}")
    }
    assert_eq!(specs::key(7, 3.144, 'x', 255).unwrap(), "007|3.14|    x|ff");
}

#[test]
fn k14_doubled_braces_are_braces() {
    #[cached(key = "{{a}}-{a}")]
    fn braces(a: u8) -> u8 {
        a
    }
    assert_eq!(braces::key(1).unwrap(), "{a}-1");
}

#[test]
fn k15_a_template_without_placeholders_ignores_the_arguments() {
    #[cached(key = "static")]
    fn constant(a: u8, b: &str) -> usize {
        usize::from(a) + b.len()
    }
    // the companion takes what the key names: nothing
    assert_eq!(constant::key().unwrap(), "static");
}

#[test]
fn k16_an_unknown_name_is_an_error_that_tells_no_values() {
    let arguments = Arguments { positional: &[&"secret"], named: &[("a", &"secret")] };
    let key = rendered(KeyTemplate::parse("{zz}").unwrap().with(arguments));
    assert_eq!(key, Err(KeyError::Missing));
    assert_eq!(key.unwrap_err().to_string(), "the key's template names an element that is not there");
    assert_eq!(format!("{arguments:?}"), "[\"a\"]");
}

#[test]
fn k17_malformed_templates_are_errors_before_any_call() {
    let says = |text| KeyTemplate::parse(text).unwrap_err().to_string();
    assert_eq!(says("{a"), "`{` is never closed; write `{{` for a literal brace (at byte 0)");
    assert_eq!(says("a}"), "`}` without `{`; write `}}` for a literal brace (at byte 1)");
    assert_eq!(says("{}-{0}"), "`{}` and `{0}` cannot be mixed (at byte 3)");
}

/// Displays as told: a UUID, a date.
struct Text(&'static str);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[test]
fn k18_values_render_as_their_display() {
    #[cached(key = "{yes},{float},{exact:?},{uuid},{date}")]
    fn values(yes: bool, float: f64, exact: f64, uuid: Text, date: Text) -> bool {
        yes && float.to_bits() == exact.to_bits() && uuid.0 == date.0
    }
    let (uuid, date) = (Text("67e55044-10b1-426f-9247-bb680e5fe0c8"), Text("2024-01-02 03:04:05"));
    let key = values::key(true, 1.0, 1.0, uuid, date).unwrap();
    // a colon would end a part of a tuple key, so it is always escaped
    assert_eq!(key, "true,1,1.0,67e55044-10b1-426f-9247-bb680e5fe0c8,2024-01-02 03%3A04%3A05");
}

#[test]
fn k20_a_number_and_its_text_are_one_key_unless_the_spec_tells_them_apart() {
    #[cached(key = "a:{a}")]
    fn shown(a: impl fmt::Display) -> String {
        a.to_string()
    }
    #[cached(key = "a:{a:?}")]
    fn typed(a: impl fmt::Debug) -> String {
        format!("{a:?}")
    }
    assert_eq!(shown::key(1).unwrap(), shown::key("1").unwrap());
    assert_ne!(typed::key(1).unwrap(), typed::key("1").unwrap());
}

#[test]
fn k21_kinds_never_share_a_key() {
    fn case(s: &impl Subject) -> ([bool; 4], u32) {
        let (lease, run) = (s.acquire(&on("k")), s.begin(&on("k"), ms(0)));
        let permit = s.take(&on("k"), 1);
        let cached = s.cached("k", None, || Ok(None));
        s.force_release("k");
        ([lease.is_ok(), run.unwrap().is_valid(), permit.is_ok(), cached.is_ok()], s.in_use("k"))
    }
    everywhere!(case => ([true; 4], 1));
    let keys = [Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool].map(|kind| whole(kind, "p", "k"));
    assert_eq!(keys, ["p:c:{k}", "p:l:{k}", "p:o:{k}", "p:p:{k}"]);
}

#[test]
fn k22_the_prefix_is_taken_literally() {
    assert_eq!(whole(Kind::Cache, "", "k"), "c:{k}");
    assert_eq!(whole(Kind::Cache, "APP-", "k"), "APP-:c:{k}");
}

#[test]
fn k23_a_template_is_not_taken_for_a_key() {
    fn case(s: &impl Subject) -> [Refused; 3] {
        [
            s.acquire(&on("r-{id}")).unwrap_err(),
            s.take(&on("r-{id}"), 1).unwrap_err(),
            s.begin(&on("r-{id}"), ms(0)).unwrap_err(),
        ]
    }
    everywhere!(case => [Refused::BadKey(KeyError::Braces); 3]);
    let parsed = KeyTemplate::parse("r-{id}").unwrap();
    assert_eq!(rendered(parsed.with(Arguments { positional: &[], named: &[("id", &7)] })).unwrap(), "r-7");
}

#[test]
fn k26_texts_are_preserved_byte_for_byte() {
    #[cached(key = "t-{text}")]
    fn text(text: &str) -> usize {
        text.len()
    }
    for sample in ["grüße 😀", "two words", "two\nlines", "\u{0}\u{7f}"] {
        assert_eq!(text::key(sample).unwrap(), format!("t-{sample}"));
        assert_eq!(rendered(sample).unwrap(), sample);
    }
}

#[test]
fn k26_such_keys_tell_entries_apart() {
    fn case(s: &impl Subject) -> Vec<bool> {
        let keys = ["grüße 😀", "grüße 🙂", "two words", "two\nlines", ""];
        let guards: Vec<_> = keys.iter().map(|key| s.acquire(&on(key)).unwrap()).collect();
        guards.iter().map(Right::is_valid).collect()
    }
    everywhere!(case => vec![true; 5]);
}

#[test]
fn a_single_value_is_a_key_and_equals_its_template() {
    for (single, by_template) in [
        (rendered(42_u64), template("{}", &[&42_u64], &[])),
        (rendered(-7_i8), template("{}", &[&-7_i8], &[])),
        (rendered(true), template("{}", &[&true], &[])),
        (rendered('%'), template("{}", &[&'%'], &[])),
        (rendered(Shown(1.5)), template("{}", &[&Shown(1.5)], &[])),
        (rendered(9_usize), template("{}", &[&9_usize], &[])),
    ] {
        assert_eq!(single, by_template);
    }
    let c = cachify::Cachify::builder().build().unwrap();
    let held = c.lock(42).acquire_blocking().unwrap();
    assert!(c.lock("42").try_acquire_blocking().unwrap().is_none(), "one lock");
    held.release().unwrap();
}
