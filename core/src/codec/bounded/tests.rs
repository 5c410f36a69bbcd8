use crate::codec::{Codec, Postcard, Uncodable};
use alloc::{boxed::Box, collections::BTreeMap, rc::Rc, string::String, vec, vec::Vec};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Not(Box<Tree>),
    Pair(Box<Tree>, Box<Tree>),
    Named { child: Box<Tree> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Option<Rc<Newtype>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Lists(Vec<Lists>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Bare(Vec<Bare>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Maps(BTreeMap<u8, Maps>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Tuple(u8, Option<Box<(Tuple, u8)>>);

fn decoded<V>(bytes: &[u8]) -> Result<V, Uncodable>
where
    Postcard: Codec<V>,
{
    Postcard.decode(bytes)
}

/// As a small thread has it.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    extern crate std;
    std::thread::Builder::new().stack_size(2 << 20).spawn(test).unwrap().join().unwrap();
}

#[track_caller]
fn is_refused<V: core::fmt::Debug>(bytes: &[u8])
where
    Postcard: Codec<V>,
{
    assert_eq!(decoded::<V>(bytes).map(drop), Err(Uncodable));
}

#[test]
fn bytes_that_nest_deeply_are_refused() {
    on_a_small_stack(|| {
        for depth in [200, 50_000] {
            is_refused::<Tree>(&[vec![1; depth], vec![0]].concat());
            is_refused::<Tree>(&vec![2; depth]);
            is_refused::<Tree>(&[vec![3; depth], vec![0]].concat());
            is_refused::<Node>(&[vec![1; depth], vec![0]].concat());
            is_refused::<Chain>(&[vec![1; depth], vec![0]].concat());
            is_refused::<Newtype>(&[vec![1; depth], vec![0]].concat());
            is_refused::<Lists>(&[vec![1; depth], vec![0]].concat());
            is_refused::<Bare>(&[vec![1; depth], vec![0]].concat());
            is_refused::<Maps>(&[[1, 7].repeat(depth), vec![0]].concat());
            is_refused::<Tuple>(&[[7, 1].repeat(depth), vec![0]].concat());
        }
    });
}

fn list(len: usize) -> Node {
    (1..len).fold(Node { next: None }, |next, _| Node { next: Some(Box::new(next)) })
}

fn encoded<V>(value: &V) -> Vec<u8>
where
    Postcard: Codec<V>,
{
    let mut bytes = Vec::new();
    Postcard.encode(value, &mut bytes).unwrap();
    bytes
}

#[test]
fn depth_is_at_most_128_of_each() {
    on_a_small_stack(|| {
        assert_eq!(decoded(&encoded(&list(128))), Ok(list(128)));
        is_refused::<Node>(&encoded(&list(129)));
        let options = |n: usize| [vec![1; n - 1], vec![0]].concat();
        assert!(decoded::<Chain>(&options(128)).is_ok());
        is_refused::<Chain>(&options(129));
        let not = |n: usize| [vec![1; n - 1], vec![0]].concat();
        assert!(decoded::<Tree>(&not(128)).is_ok());
        is_refused::<Tree>(&not(129));
    });
}

#[test]
fn what_lies_side_by_side_is_not_deep() {
    let trees =
        vec![Tree::Pair(Tree::Leaf.into(), Tree::Named { child: Tree::Not(Tree::Leaf.into()).into() }.into()); 999];
    assert_eq!(decoded(&encoded(&trees)), Ok(trees));
    let lists: Vec<_> = (1..=128).map(|len| Some(list(len % 100))).collect();
    assert_eq!(decoded(&encoded(&lists)), Ok(lists));
}

#[test]
#[expect(clippy::zero_sized_map_values, reason = "what is tried")]
fn elements_of_no_size_are_bounded() {
    let most = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    is_refused::<Vec<()>>(&most);
    is_refused::<BTreeMap<(), ()>>(&most);
    is_refused::<Vec<Vec<()>>>(&[&[3][..], &most, &most, &most].concat());
    is_refused::<(u8, Vec<core::marker::PhantomData<String>>)>(&[&[3][..], &most].concat());
    assert_eq!(decoded(&encoded(&vec![(); 4_000])), Ok(vec![(); 4_000]));
    is_refused::<Vec<()>>(&encoded(&vec![(); 5_000]));
    // many, each with its byte
    let (many, map): (Vec<u8>, BTreeMap<u32, bool>) = (vec![1; 100_000], (0..30_000).map(|n| (n, true)).collect());
    assert_eq!(decoded(&encoded(&many)), Ok(many));
    assert_eq!(decoded(&encoded(&map)), Ok(map));
}

#[test]
fn bytes_left_over_are_refused() {
    is_refused::<u8>(&[1, 2]);
    is_refused::<Node>(&[0, 0]);
    is_refused::<Vec<()>>(&[1, 0]);
}

#[test]
fn all_that_serde_knows_passes() {
    type Primitives = (bool, i8, i16, i32, i64, i128, u8, u16, u32, u64, u128);
    let primitives: Primitives = (true, -1, -2, -3, -4, -5, 6, 7, 8, 9, 10);
    assert_eq!(decoded(&encoded(&primitives)), Ok(primitives));
    let others = (1.5_f32, -0.5_f64, 'ü', String::from("text"), (), [1_u8; 3], Some(Ok::<u8, ()>(1)), None::<()>);
    assert_eq!(decoded(&encoded(&others)), Ok(others));
    let core::net::IpAddr::V4(address) = core::net::IpAddr::from([127, 0, 0, 1]) else { panic!() };
    assert_eq!(decoded(&encoded(&address)), Ok(address), "as bytes: not human-readable");
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Wide {
    texts: (String, String, String, String, String, String, String, String, String, String),
    numbers: [u64; 32],
    name: String,
    next: Option<Box<Wide>>,
}

#[test]
fn a_small_stack_is_enough_for_wide_values_at_the_limit() {
    on_a_small_stack(|| {
        let wide = (1..127).fold(Wide::default(), |next, _| Wide { next: Some(Box::new(next)), ..Wide::default() });
        let bytes = encoded(&wide);
        let back: Wide = decoded(&bytes).unwrap();
        assert!(back == wide && Postcard.round_trips(&wide, &bytes));
    });
}
