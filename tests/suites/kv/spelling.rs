//! What a store is asked for: different keys never meet there, whatever prefix, kind, literals and values are made of.

use crate::shelf::{Shelf, TTL, ask, token};
use cachify::{AsIs, Kv, ManualClock};
use cachify_core::{
    cell::{Life, MaybeOwned},
    key::{Arguments, AsKey, Key, KeyBuffer, KeyTemplate, Kind, LongKeyBuf},
    testing::BlockingWords,
    ttl::Ttl,
};
use cachify_tests::Over;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Text of what escapes and marks are made of.
fn text() -> impl Strategy<Value = String> {
    let chars = vec!['%', '{', '}', '(', ')', '!', ':', '7', 'B', 'é'];
    prop::collection::vec(prop::sample::select(chars), 0..5).prop_map(|chars| chars.into_iter().collect())
}

fn rendered(key: impl AsKey) -> Option<Vec<u8>> {
    let mut buf = LongKeyBuf::default();
    key.render_key(&mut buf);
    buf.bytes().ok().map(<[u8]>::to_vec)
}

/// A template of two literals that are not empty and two values.
fn by_template([first, second, a, b]: &[String; 4]) -> Option<Vec<u8>> {
    let literal = |text: &str| text.replace('{', "{{").replace('}', "}}");
    let template = format!("{}{{}}{}{{}}", literal(first), literal(second));
    let template = KeyTemplate::parse(&template).ok()?;
    rendered(template.with(Arguments { positional: &[a, b], named: &[] }))
}

/// The user's part: by a text, a tuple, or a template; what is refused is no key.
fn part() -> impl Strategy<Value = Vec<u8>> {
    let texts = || [text(), text(), text(), text()];
    prop_oneof![
        text().prop_filter_map("refused", rendered),
        (text(), text()).prop_filter_map("refused", rendered),
        texts().prop_filter_map("refused", |texts| by_template(&texts)),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    prop::sample::select(vec![Kind::Cache, Kind::Lock, Kind::Once, Kind::Pool])
}

/// Every key of the store in which something lies after one use.
fn asked_for((prefix, kind, part): &(String, Kind, Vec<u8>)) -> BTreeSet<String> {
    let shelf = Shelf::new(&ManualClock::new(), false);
    let kv = Over::new(Kv(shelf.clone()));
    let key = Key::new(*kind, prefix, part, 0);
    match kind {
        Kind::Cache => {
            kv.join(key, &AsIs, &ask(1)).unwrap();
            let value = MaybeOwned::Owned(vec![1]);
            kv.publish(key, &AsIs, token(1), value, Life::new(Ttl::Forever)).unwrap();
        }
        Kind::Lock => kv.acquire(key, &ask(1)).map(drop).unwrap(),
        Kind::Once => {
            kv.begin(key, &ask(1)).unwrap();
            kv.complete(key, token(1), TTL).unwrap();
        }
        Kind::Pool => kv.take(key, 2, &ask(1)).map(drop).unwrap(),
    }
    let keys: BTreeSet<_> = shelf.keys().into_iter().collect();
    assert!(!keys.is_empty() && keys.iter().all(|asked| asked.starts_with(&key.to_string())), "{keys:?}");
    keys
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// One spelling where one key of a RAM store, and one only there.
    #[test]
    fn different_keys_never_meet(one in (text(), kind(), part()), other in (text(), kind(), part())) {
        prop_assert_eq!(asked_for(&one).is_disjoint(&asked_for(&other)), one != other);
        // nor does a key whose texts are how those of another one are spelled
        let spelled = Key::new(one.1, &one.0, &one.2, 0).to_string();
        let (head, part) = spelled.split_once('{').unwrap();
        let prefix = head.strip_suffix(&format!("{}:", one.1.letter())).unwrap().trim_end_matches(':');
        let again = (prefix.to_owned(), one.1, part.trim_end_matches('}').into());
        prop_assert_eq!(asked_for(&one).is_disjoint(&asked_for(&again)), one != again);
    }

    /// The same where the keys are near each other: they differ in a part alone, by a text of the same beginning.
    #[test]
    fn near_keys_never_meet(prefix in text(), kind in kind(), begin in text(), ends in [text(), text()]) {
        let [one, other] = ends.map(|end| (prefix.clone(), kind, [begin.as_bytes(), end.as_bytes()].concat()));
        prop_assert_eq!(asked_for(&one).is_disjoint(&asked_for(&other)), one != other);
        // and where what was before the part is in the prefix
        let (mut moved, begin) = (other.clone(), begin.as_str());
        moved.0 += begin;
        prop_assert_eq!(asked_for(&other).is_disjoint(&asked_for(&moved)), !begin.is_empty());
    }

    /// Different values of one template, and of one tuple, are different keys; also texts and how they are escaped.
    #[test]
    fn different_values_make_different_keys(literals in [text(), text()], a in [text(), text()], b in [text(), text()]) {
        let key = |[x, y]: &[String; 2]| by_template(&[literals[0].clone(), literals[1].clone(), x.clone(), y.clone()]);
        let escaped = |text: &String| String::from_utf8(rendered((text,)).unwrap()).unwrap();
        for b in [b, [escaped(&a[0]), a[1].clone()], [a[0].clone(), escaped(&a[1])]] {
            if let (Some(one), Some(other)) = (key(&a), key(&b)) {
                prop_assert_eq!(one == other, a == b);
            }
            prop_assert_eq!(rendered((&a[0], &a[1])) == rendered((&b[0], &b[1])), a == b);
        }
    }
}
