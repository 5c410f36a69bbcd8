//! Which values come back from a server as they went; the others are not stored, and that is told.

use super::world::{everywhere, patient, run};
use cachify::{Cachify, Codec, Event, Json, Observer, Postcard, secs};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt::Debug,
    sync::{Arc, Mutex},
};

#[derive(Clone, Default)]
struct Failures(Arc<Mutex<Vec<String>>>);

impl Observer for Failures {
    fn event(&self, event: &Event<'_>) {
        if let Event::Failed { key: Some(key), cause } = event {
            self.0.lock().unwrap().push(format!("{key}: {cause}"));
        }
    }
}

struct Server {
    c: Cachify,
    failures: Failures,
}

impl Server {
    /// Whether the value is stored, on either face; it comes back as it is, or its loss is told.
    #[track_caller]
    fn keeps<C, V>(&self, codec: C, value: &V) -> bool
    where
        C: Codec<V> + Copy + Send + Sync + 'static,
        V: Clone + Debug + PartialEq + Send + Sync + 'static,
    {
        let cache = self.c.cache("k").ttl(secs(60)).codec(codec);
        let load = || Ok::<_, ()>(value.clone());
        let mut kept = Vec::new();
        for face in ["blocking", "async"] {
            let (out, back) = if face == "async" {
                run(async { (cache.get_or_insert_with(async || load()).await, cache.get::<V>().await.unwrap()) })
            } else {
                (cache.get_or_insert_with_blocking(load), cache.get_blocking().unwrap())
            };
            assert_eq!(out.as_ref(), Ok(value), "the function's own result is never replaced");
            let told = std::mem::take(&mut *self.failures.0.lock().unwrap());
            match &back {
                Some(back) => assert_eq!((back, told), (value, vec![]), "{face}"),
                None => assert!(matches!(&told[..], [one] if one.starts_with("t:c:{k}: ")), "{face}: {told:?}"),
            }
            kept.push(back.is_some());
            self.c.cache("k").reset_blocking().unwrap();
        }
        assert_eq!(kept[0], kept[1], "both faces are one");
        kept[0]
    }

    /// Each value is stored or not, by postcard and by JSON.
    #[track_caller]
    fn case<V>(&self, value: &V, by_postcard: bool, by_json: bool)
    where
        V: Clone + Debug + PartialEq + Send + Sync + Serialize + DeserializeOwned + 'static,
    {
        assert_eq!(self.keeps(Postcard, value), by_postcard, "postcard: {value:?}");
        assert_eq!(self.keeps(Json, value), by_json, "JSON: {value:?}");
    }
}

fn on_servers(test: impl Fn(&Server)) {
    everywhere(|server| {
        let failures = Failures::default();
        let c = patient(server.url()).observer(failures.clone()).build().unwrap();
        test(&Server { c, failures });
    });
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(n: &u8) -> bool {
    *n == 0
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Guest {
    #[serde(default, skip_serializing_if = "is_zero")]
    age: u8,
    visits: u8,
    rooms: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Order {
    #[serde(skip)]
    #[expect(dead_code, reason = "shifts those after it")]
    Draft,
    Paid,
    Shipped,
    Lost {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<u8>,
        by: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct WriteOnly {
    name: String,
    #[serde(skip_deserializing)]
    seen: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ReadOnly {
    #[serde(skip_serializing)]
    secret: u8,
    names: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
enum Tagged {
    One { n: u8 },
    Two,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Short(u8),
    Long(u32),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: BTreeMap<String, u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct OneWay {
    #[serde(serialize_with = "doubled")]
    n: u8,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn doubled<S: serde::Serializer>(n: &u8, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u8(n * 2)
}

#[test]
fn what_comes_back_as_something_else_is_not_stored() {
    on_servers(|server| {
        let guest = |age| Guest { age, visits: 5, rooms: vec![1, 9] };
        server.case(&guest(0), false, true);
        server.case(&vec![guest(1), guest(0), guest(2)], false, true);
        server.case(&Some((7_u8, guest(0))), false, true);
        server.case(&Order::Paid, false, true);
        server.case(&HashMap::from([(1_u8, Order::Shipped)]), false, true);
        server.case(&Order::Lost { at: None, by: 1 }, false, true);
        server.case(&WriteOnly { name: "Ada".into(), seen: 1 }, false, false);
        server.case(&ReadOnly { secret: 1, names: vec![0, 2] }, false, false);
        server.case(&Tagged::One { n: 1 }, false, true);
        server.case(&Untagged::Text("text".into()), false, true);
        server.case(&Untagged::Long(3), false, false);
        server.case(&Flat { id: 1, rest: BTreeMap::from([("a".into(), 1)]) }, false, true);
        server.case(&OneWay { n: 3 }, false, false);
        server.case(&Some(None::<u8>), true, false);
        server.case(&Some(()), true, false);
        server.case(&HashMap::from([((1_u8, 2_u8), 3_u8)]), true, false);
    });
}

#[test]
fn the_fault_names_the_cause_and_the_way_out() {
    on_servers(|server| {
        let guest = Guest { age: 0, visits: 5, rooms: vec![1, 9] };
        let cache = server.c.cache("k").ttl(secs(60));
        assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<_, ()>(guest.clone())), Ok(guest.clone()));
        let told = server.failures.0.lock().unwrap().concat();
        for word in ["does not survive its codec", "skip_serializing_if", "codec = cachify::Json"] {
            assert!(told.contains(word), "{told}");
        }
        // the flight was given back: nobody waits for it
        assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<_, ()>(guest.clone())), Ok(guest.clone()));
        // under a name of one's own, too
        let tagged = server.c.cache("k").ttl(secs(60)).type_tag("guest");
        assert_eq!(tagged.get_or_insert_with_blocking(|| Ok::<_, ()>(guest.clone())), Ok(guest));
        assert_eq!(tagged.get_blocking::<Guest>(), Ok(None));
    });
}

/// Equal by its bits.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Exact(f64);

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipped {
    n: u8,
    #[serde(skip)]
    cache: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename = "Other")]
struct Renamed {
    #[serde(alias = "name", rename = "title")]
    first_name: String,
    last_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Generic<T> {
    of: T,
    all: Vec<T>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    next: Option<Box<Node>>,
}

fn list(len: usize) -> Node {
    (1..len).fold(Node { next: None }, |next, _| Node { next: Some(Box::new(next)) })
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(u8, String);
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Pair);
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[test]
fn what_comes_back_is_stored() {
    on_servers(|server| {
        server.case(&Guest { age: 3, visits: 5, rooms: vec![1, 9] }, true, true);
        server.case(&Skipped { n: 1, cache: None }, true, true);
        server.case(&Renamed { first_name: "Ada".into(), last_name: None }, true, true);
        server.case(&(0..100_u32).map(|n| (n, n.to_string())).collect::<HashMap<_, _>>(), true, true);
        server.case(&(0..100_i64).map(|n| (n, HashSet::from([n, 1, -1]))).collect::<HashMap<_, _>>(), true, true);
        server.case(&(0..100).map(|n| format!("{n}")).collect::<HashSet<String>>(), true, true);
        server.case(&BTreeMap::from([("a".to_owned(), vec![Some(1)]), ("b".to_owned(), vec![None])]), true, true);
        server.case(&(Some(Some(1_u8)), None::<Option<u8>>), true, true);
        server.case(&Generic { of: Some(Unit), all: vec![None] }, true, false);
        server.case(&Generic { of: Arc::new(Pair(1, "x".into())), all: vec![] }, true, true);
        server.case(&(u128::MAX, i128::MIN, u64::MAX, i64::MIN), true, true);
        server.case(&(Newtype(Pair(1, "x".into())), Unit, (), 'ü', true, 1.5_f32), true, true);
        server.case(&std::net::IpAddr::from([127, 0, 0, 1]), true, true);
        server.case(&std::time::Duration::from_nanos(1_500_000_001), true, true);
        server.case(&Err::<(), _>("no".to_owned()), true, true);
        server.case(&"text".repeat(10_000), true, true);
        server.case(&list(40), true, true);
        for float in [0.1 + 0.2, -0.0, f64::MIN_POSITIVE / 3.0, 1e300 / 7.0, 2.0_f64.powi(70) + 1.0, 123_456.789e-30] {
            server.case(&Exact(float), true, true);
        }
        for no_number in [f64::NAN, f64::INFINITY] {
            server.case(&Exact(no_number), true, false);
            server.case(&Some(Exact(no_number)), true, false);
        }
        server.case(&(0_u32..2_000).map(|n| Exact(f64::from(n).sqrt() / 3.0)).collect::<Vec<_>>(), true, true);
        assert!(server.keeps(Postcard, &list(128)));
        assert!(!server.keeps(Postcard, &list(129)), "deeper than is read back");
        assert!(!server.keeps(Postcard, &vec![(); 5_000]), "more elements of no size than are read back");
    });
}

#[test]
fn entries_that_would_exhaust_a_stack_or_the_time_are_misses_and_healed() {
    everywhere(|redis| {
        let c = patient(redis.url()).build().unwrap();
        // the header of the value that lies there, and bytes of a stranger's
        let put = |body: &str| {
            let script = format!("redis.call('SET', KEYS[1], redis.call('GET', KEYS[1]):sub(1, 6) .. {body})");
            redis.command(&["EVAL", &script, "1", "t:c:{k}"]);
        };
        let cache = c.cache("k").ttl(secs(60));
        cache.get_or_insert_with_blocking(|| Ok::<_, ()>(list(1))).unwrap();
        put(r"('\1'):rep(50000)");
        assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<_, ()>(list(2))), Ok(list(2)));
        assert_eq!(cache.get_blocking(), Ok(Some(list(2))));
        cache.reset_blocking().unwrap();
        cache.get_or_insert_with_blocking(|| Ok::<_, ()>(vec![()])).unwrap();
        put(r"('\255'):rep(9) .. '\1'");
        assert_eq!(cache.get_or_insert_with_blocking(|| Ok::<_, ()>(vec![(); 3])), Ok(vec![(); 3]));
        assert_eq!(cache.get_blocking(), Ok(Some(vec![(); 3])));
    });
}
