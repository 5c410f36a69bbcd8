//! Types whose values stand in keys by `#[derive(KeyPart)]`.

use cachify::{
    Arguments, Cachify, KeyPart, KeyTemplate, Memory, cached,
    cachify_core::{
        self,
        key::{AsKey, KeyBuf, KeyBuffer, LongKeyBuf},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    net::Ipv4Addr,
    sync::LazyLock,
};

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, KeyPart)]
struct Pair {
    one: String,
    r#type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, KeyPart)]
struct Wrapped(u8, Pair);

#[derive(Clone, Copy, Debug, KeyPart)]
struct Id<'a, T: ?Sized, const N: usize>(&'a T)
where
    T: Debug;

#[derive(Clone, Copy, KeyPart)]
struct Unit;

/// A field may have `Display` alone.
#[derive(KeyPart)]
struct Peer {
    address: Ipv4Addr,
    weight: f32,
    unit: Unit,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, KeyPart)]
enum Tree {
    Leaf,
    Named { name: String },
    Both(Box<str>, Pair),
    r#While(u8),
}

#[derive(KeyPart)]
enum Never {}

mod renamed {
    use cachify as mine;
    #[derive(Clone, Copy, mine::KeyPart)]
    #[key_part(crate = mine)]
    pub(super) struct Elsewhere {
        pub(super) n: u8,
    }
}

#[derive(cachify_core::KeyPart)]
struct OnADevice {
    bus: u8,
    on: bool,
}

fn rendered(key: impl AsKey) -> String {
    let mut buf = LongKeyBuf::default();
    key.render_key(&mut buf);
    String::from_utf8(buf.bytes().unwrap().to_vec()).unwrap()
}

#[cached(instance = LOCAL, key = "at:{wrapped}-{pair}", ttl = 5)]
fn at(wrapped: &Wrapped, pair: Pair) -> usize {
    wrapped.1.one.len() + pair.one.len()
}

impl Pair {
    #[cached(instance = LOCAL, key = "own:{self}:{}", ttl = 5)]
    fn own(&self, tree: Tree) -> usize {
        self.one.len() + usize::from(tree == Tree::Leaf)
    }
}

fn pair(one: &str, other: &str) -> Pair {
    Pair { one: one.into(), r#type: other.into() }
}

#[test]
fn fields_are_the_elements_of_a_tuple() {
    let both = Wrapped(1, pair("a:b", "c-%"));
    assert_eq!(rendered(("k", &both, 7)), "k:1:a%3Ab:c-%25:7");
    assert_eq!(rendered(("k", &both)), rendered(("k", 1, "a:b", "c-%")));
    let template = KeyTemplate::parse("k:{}-").unwrap();
    assert_eq!(rendered(template.with(Arguments { positional: &[&both], named: &[] })), "k:1:a%3Ab:c%2D%25-");
    assert_eq!(rendered((Id::<_, 3>("x"), Id::<u8, 3>(&2))), "x:2");
    let peer = Peer { address: Ipv4Addr::LOCALHOST, weight: 0.5, unit: Unit };
    assert_eq!((rendered(("k", peer)), rendered(("k", Unit, "x"))), ("k:127.0.0.1:0.5:".into(), "k::x".into()));
    assert_eq!(rendered((renamed::Elsewhere { n: 4 }, None::<Never>.is_none())), "4:true");
    let mut buf = KeyBuf::<8>::default();
    ("k", OnADevice { bus: 1, on: true }).render_key(&mut buf);
    assert_eq!(buf.bytes(), Ok(&b"k:1:true"[..]));
}

#[test]
fn a_variant_comes_first_by_its_name() {
    let trees =
        [Tree::Leaf, Tree::Named { name: "a".into() }, Tree::Both("b".into(), pair("c", "d")), Tree::r#While(1)];
    assert_eq!(trees.map(|tree| rendered((tree,))), ["Leaf", "Named:a", "Both:b:c:d", "While:1"]);
}

#[test]
fn attributes_and_their_companions_take_such_values() {
    let (wrapped, one) = (Wrapped(1, pair("a", "b")), pair("-", "c"));
    assert_eq!((at(&wrapped, one.clone()), at::key(&wrapped, one.clone()).unwrap()), (2, "at:1:a:b--:c".into()));
    assert_eq!((at::reset(&wrapped, one.clone()), one.own(Tree::Leaf)), (Ok(true), 2));
    assert_eq!(one.own_key(Tree::Leaf).unwrap(), "own:-:c:Leaf");
}

/// Every type of this file with texts of what separates and escapes, in every place, before every character.
#[test]
fn different_values_never_make_one_key() {
    let texts = ["", "a", ":", "%", "%3A", "-", "a:", ":a", "Leaf", "%2D", "Named:", "L"];
    let pairs: Vec<_> = texts.iter().flat_map(|one| texts.map(|other| pair(one, other))).collect();
    let mut trees = vec![Tree::Leaf, Tree::r#While(1), Tree::r#While(12)];
    trees.extend(texts.map(|name| Tree::Named { name: name.into() }));
    trees.extend(texts.iter().flat_map(|text| pairs.iter().map(|pair| Tree::Both((*text).into(), pair.clone()))));
    for template in ["{}:{}", "{}-{}", "{}L{}", "{}1{}"] {
        let template = KeyTemplate::parse(template).unwrap();
        let key =
            |tree: &Tree, pair: &Pair| rendered(template.with(Arguments { positional: &[tree, pair], named: &[] }));
        let mut seen = BTreeMap::new();
        let pairs = || pairs.iter().filter(|pair| ["", "a"].contains(&&pair.r#type[..]));
        for (tree, pair) in trees.iter().flat_map(|tree| pairs().map(move |pair| (tree, pair))) {
            let before = seen.insert(key(tree, pair), (tree, pair));
            assert_eq!(before, None, "{tree:?} {pair:?}");
        }
        assert!(seen.len() > 30_000, "{}", seen.len());
    }
    let wrapped: BTreeSet<_> =
        pairs.iter().flat_map(|pair| [1, 11].map(|n| rendered((Wrapped(n, pair.clone()), "1")))).collect();
    assert_eq!(wrapped.len(), 2 * pairs.len());
}
