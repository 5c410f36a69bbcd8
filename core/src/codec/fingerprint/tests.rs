use super::of;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::ToString,
    vec,
    vec::Vec,
};
use core::fmt;
use serde::{Serialize, Serializer};

extern crate std;
use std::collections::{HashMap, HashSet};

fn print<V: Serialize + ?Sized>(value: &V) -> u64 {
    of(value, false).unwrap()
}

#[track_caller]
fn all_differ(prints: &[u64]) {
    let distinct: BTreeSet<_> = prints.iter().collect();
    assert_eq!(distinct.len(), prints.len(), "{prints:x?}");
}

#[test]
fn different_values_differ() {
    all_differ(&[
        print(&0_u8),
        print(&1_u8),
        print(&0_u16),
        print(&0_u32),
        print(&0_u64),
        print(&0_u128),
        print(&(1_u128 << 64)),
        print(&1_u128),
        print(&0_i8),
        print(&-1_i8),
        print(&-1_i64),
        print(&-1_i128),
        print(&0.0_f32),
        print(&0.0_f64),
        print(&-0.0_f64),
        print(&false),
        print(&true),
        print(&'\0'),
        print(""),
        print("\0"),
        print("\0\0\0\0\0\0\0\0"),
        print("01234567"),
        print("012345678"),
        print(&()),
        print(&None::<()>),
        print(&Some(())),
        print(&Some(None::<()>)),
        print(&Some(Some(()))),
        print(&Vec::<u8>::new()),
        print(&vec![0_u8]),
        print(&vec![vec![0_u8], vec![]]),
        print(&vec![Vec::<u8>::new(), vec![], vec![0]]),
        print(&BTreeMap::<u8, u8>::new()),
        print(&(0_u8,)),
        print(&(0_u8, 1_u8)),
        print(&(1_u8, 0_u8)),
        print(&((0_u8, 1_u8), 2_u8)),
        print(&(0_u8, (1_u8, 2_u8))),
    ]);
}

#[test]
fn what_is_no_number_is_equal_to_itself() {
    assert_eq!(print(&f64::NAN), print(&f64::NAN));
    assert_ne!(print(&f64::NAN), print(&f64::INFINITY));
}

#[test]
fn sets_and_maps_have_no_order_but_tuples_have() {
    let (up, down): (HashSet<u32>, HashSet<u32>) = ((0..500).collect(), (0..500).rev().collect());
    assert_eq!(print(&up), print(&down));
    let up: HashMap<_, _> = (0..500).map(|n| (n, up.clone())).collect();
    let down: HashMap<_, _> = (0..500).rev().map(|n| (n, down.clone())).collect();
    assert_eq!(print(&up), print(&down));
    assert_ne!(print(&[(0, 1)]), print(&[(1, 0)]), "an array is a tuple");
    // the same keys and values, crossed; one twice; sums that are the same
    all_differ(&[
        print(&BTreeMap::from([(1, 2), (3, 4)])),
        print(&BTreeMap::from([(1, 4), (3, 2)])),
        print(&BTreeMap::from([(2, 1), (4, 3)])),
        print(&vec![(1, 2), (3, 4)]),
        print(&vec![0, 3]),
        print(&vec![1, 2]),
        print(&vec![1, 2, 2]),
        print(&vec![1, 1, 2]),
    ]);
}

#[test]
fn small_lists_of_small_numbers_differ() {
    let lists: Vec<_> =
        (0..40_u32).flat_map(|a| (a..40).flat_map(move |b| (b..40).map(move |c| vec![a, b, c]))).collect();
    all_differ(&lists.iter().map(print).collect::<Vec<_>>());
}

#[test]
fn fields_and_variants_have_their_names() {
    #[derive(Serialize)]
    enum Order {
        Paid,
        Shipped,
        At(u8),
        Of { n: u8 },
        By { m: u8 },
    }
    #[derive(Serialize)]
    struct Guest {
        #[serde(skip_serializing_if = "Option::is_none")]
        age: Option<u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        visits: Option<u8>,
    }
    all_differ(&[
        print(&Order::Paid),
        print(&Order::Shipped),
        print(&Order::At(1)),
        print(&Order::Of { n: 1 }),
        print(&Order::By { m: 1 }),
        print(&Guest { age: Some(1), visits: None }),
        print(&Guest { age: None, visits: Some(1) }),
        print(&Guest { age: None, visits: None }),
        print(&Guest { age: Some(1), visits: Some(1) }),
    ]);
}

#[test]
fn a_text_is_one_however_it_is_written() {
    struct Shown(Vec<&'static str>);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|text| f.write_str(text))
        }
    }
    impl Serialize for Shown {
        fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            to.collect_str(self)
        }
    }
    let whole = print("one two three four");
    assert_eq!(print(&Shown(vec!["one two three four"])), whole);
    assert_eq!(print(&Shown(vec!["one", " two thr", "", "ee four"])), whole);
    assert_eq!(print(&"one two three four".to_string()), whole);
    assert_ne!(print(&Shown(vec!["one"])), whole);
}

#[test]
fn a_value_shows_itself_as_its_codec_sees_it() {
    let address = core::net::Ipv4Addr::LOCALHOST;
    assert_eq!(of(&address, true), of("127.0.0.1", true));
    assert_eq!(of(&address, false), of(&[127_u8, 0, 0, 1], false));
}

#[test]
fn a_value_that_gives_up_has_none() {
    struct Never;
    impl Serialize for Never {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    assert_eq!(of(&Never, false), None);
}
