//! An entry is anything: it is a value or is refused, and what is a value comes back from its own bytes.
//!
//! Each input is tried as it is and drawn out, for what nests deeply is longer than a fuzzer's inputs.
#![no_main]

use cachify_core::codec::{Codec, Postcard, entry};
use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap, fmt::Debug, marker::PhantomData};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Not(Box<Tree>),
    Pair(Box<Tree>, Box<Tree>),
    Named { child: Option<Box<Tree>>, all: Vec<Tree> },
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Chain(Option<Box<Chain>>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nothing;

/// Whatever decodes at all is encoded, and decodes to the same again, unless its shorter bytes allow fewer elements.
fn tried<V: Debug + PartialEq>(bytes: &[u8])
where
    Postcard: Codec<V>,
{
    if let Ok(value) = Postcard.decode(bytes) {
        let value: V = value;
        let mut entry = Vec::new();
        entry::encode(&value, &Postcard, &mut entry).expect("there is room");
        let again = entry::decode(&entry, &Postcard);
        assert!(entry.len() < bytes.len() || again.is_some());
        assert!(again.is_none_or(|again: V| again == value));
    }
}

fuzz_target!(|data: &[u8]| {
    // as many times as would overflow any stack
    let drawn_out = data.repeat(100_000 / data.len().max(1));
    for bytes in [data, &drawn_out, &[&drawn_out, &[0][..]].concat()] {
        tried::<Tree>(bytes);
        tried::<Node>(bytes);
        tried::<Chain>(bytes);
        tried::<Vec<()>>(bytes);
        tried::<Vec<Vec<Nothing>>>(bytes);
        tried::<BTreeMap<(), PhantomData<u8>>>(bytes);
        tried::<BTreeMap<Cow<'static, str>, Vec<Cow<'static, [u8]>>>>(bytes);
        tried::<(u8, Vec<(Nothing, Option<()>)>, String, BTreeMap<u16, Vec<Node>>)>(bytes);
    }
});
