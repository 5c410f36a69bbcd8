//! Values of which no key can be made, and keys that differ.

use super::keys::{rendered, template, whole};
use cachify::{
    Cachify, Error, KeyError, Refused, Shown, cached,
    cachify_core::key::{AsKey, Key, KeyBuf, KeyBuffer, KeyPart, KeySink, Kind},
    lock,
};
use std::{cell::Cell, fmt};

/// Shows as much of its text as it has; `Err` after that.
struct GivesUp(&'static str);

impl fmt::Display for GivesUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)?;
        Err(fmt::Error)
    }
}

/// Puts its bytes one by one.
struct Bytes(&'static [u8]);

impl KeyPart for Bytes {
    fn render(&self, out: &mut impl KeySink, _: Option<char>) {
        self.0.iter().for_each(|byte| out.put(std::slice::from_ref(byte)));
    }
}

fn fixed(key: impl AsKey) -> Result<String, KeyError> {
    let mut buf = KeyBuf::<400>::default();
    key.render_key(&mut buf);
    buf.bytes().map(|bytes| String::from_utf8(bytes.to_vec()).expect("made of texts"))
}

#[test]
fn a_display_that_gives_up_makes_no_key() {
    #[cached(key = "k:{x}")]
    fn plain(x: GivesUp) -> usize {
        x.0.len()
    }
    #[cached(key = "k:{x:>8}-")]
    fn with_a_spec(x: GivesUp) -> usize {
        x.0.len()
    }
    assert_eq!(plain::key(GivesUp("a")), Err(Error::Key(KeyError::Display)));
    assert_eq!(with_a_spec::key(GivesUp("a")), Err(Error::Key(KeyError::Display)));
    for text in
        ["", "a", "one that is longer than the ninety-six bytes that a key has in place, for which it takes the heap"]
    {
        let shown = Shown(GivesUp(text));
        assert_eq!(rendered(("k", &shown)), Err(KeyError::Display));
        assert_eq!(fixed(("k", &shown)), Err(KeyError::Display));
        assert_eq!(template("k:{}", &[&shown], &[]), Err(KeyError::Display));
        assert_eq!(template("k:{x}", &[], &[("x", &shown)]), Err(KeyError::Display));
    }
    assert_eq!(KeyError::Display.to_string(), "the `Display` of a value in the key failed");
}

#[test]
fn a_part_that_is_no_text_makes_no_key() {
    #[cached(key = "k:{x}")]
    fn of_bytes(x: Bytes) -> usize {
        x.0.len()
    }
    // half a character, none at all, one too long, a surrogate, half a character before text and before another half
    let no_texts: [&[u8]; 6] = [b"\xc3", b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82-", b"\xe2\xc3\xbc"];
    for no_text in no_texts {
        assert_eq!(of_bytes::key(Bytes(no_text)), Err(Error::Key(KeyError::NotUtf8)));
        assert_eq!(rendered(("k", Bytes(no_text))), Err(KeyError::NotUtf8));
        assert_eq!(rendered(("k", Bytes(no_text), "ü")), Err(KeyError::NotUtf8));
        assert_eq!(fixed(("k", Bytes(no_text))), Err(KeyError::NotUtf8));
        assert_eq!(rendered(("ü".repeat(200), Bytes(no_text))), Err(KeyError::NotUtf8));
        assert_eq!(rendered((Bytes(no_text), "ü".repeat(200))), Err(KeyError::NotUtf8));
        assert_eq!(template("k:{}", &[&Bytes(no_text)], &[]), Err(KeyError::NotUtf8));
    }
    assert_eq!(KeyError::NotUtf8.to_string(), "a part of the key is not UTF-8");
}

#[test]
fn texts_may_come_in_pieces_that_split_a_character() {
    for text in ["grüße 😀", "e\u{301}", "plain"] {
        let bytes = Bytes(text.as_bytes());
        assert_eq!(rendered(("k", &bytes)), Ok(format!("k:{text}")));
        assert_eq!(fixed(("k", &bytes, "ü")), Ok(format!("k:{text}:ü")));
        assert_eq!(template("{}", &[&bytes], &[]), Ok(text.to_owned()));
        let long = "ü".repeat(200);
        assert_eq!(rendered((&long, &bytes)), Ok(format!("{long}:{text}")));
        assert_eq!(rendered((&bytes, &long)), Ok(format!("{text}:{long}")));
    }
    // the longest in place, and one more
    for len in 90..100 {
        let filler = "x".repeat(len);
        assert_eq!(rendered((&filler, Bytes("üü".as_bytes()))), Ok(format!("{filler}:üü")));
    }
}

#[test]
fn bytes_are_looked_at_last() {
    assert_eq!(rendered((Bytes(b"\xff"), Shown(GivesUp("a")))), Err(KeyError::Display));
    assert_eq!(rendered((Shown(GivesUp("a")), Bytes(b"\xff"))), Err(KeyError::Display));
}

#[test]
fn without_a_key_nothing_is_stored_and_nothing_is_held() {
    thread_local! {
        static RUNS: Cell<u32> = const { Cell::new(0) };
    }
    #[cached(key = "k:{x}", ttl = 60)]
    fn shown(x: GivesUp) -> u32 {
        let _ = x;
        RUNS.set(RUNS.get() + 1);
        RUNS.get()
    }
    #[cached(key = "k:{x}", ttl = 60)]
    fn put(x: Bytes) -> u32 {
        let _ = x;
        RUNS.set(RUNS.get() + 1);
        RUNS.get()
    }
    #[lock(key = "k:{x}")]
    fn locked(x: GivesUp) -> Result<usize, Refused> {
        Ok(x.0.len())
    }
    let c = Cachify::builder().build().unwrap();
    c.scope(|| {
        assert_eq!((shown(GivesUp("")), shown(GivesUp(""))), (1, 2), "computed each time");
        assert_eq!((put(Bytes(b"\xff")), put(Bytes(b"\xfe"))), (3, 4));
        assert_eq!(locked(GivesUp("a")), Err(Refused::BadKey(KeyError::Display)));
    });
    let refused = c.lock(("k", Shown(GivesUp("a")))).acquire_blocking().map(drop);
    assert_eq!(refused, Err(Refused::BadKey(KeyError::Display)));
    let refused = c.pool(("k", Bytes(b"\xff")), 2).run_blocking(|_| ());
    assert_eq!(refused, Err(Refused::BadKey(KeyError::NotUtf8)));
    let cache = c.cache(("k", Bytes(b"\xff"))).ttl(cachify::secs(60));
    let value = |n| cache.get_or_insert_with_blocking(move || Ok::<u32, ()>(n));
    assert_eq!((value(1), value(2)), (Ok(1), Ok(2)));
    assert!(cache.get_blocking::<u32>().is_err() && cache.reset_blocking().is_err());
}

#[test]
fn bytes_that_are_no_text_are_told_apart_all_the_same() {
    let shown = |bytes| Key::new(Kind::Lock, "p", bytes, 0).to_string();
    assert_eq!(shown(b"a\xffb{\xc3"), "p:l:{a%!FFb%(%!C3}");
    assert_ne!(shown(b"\xff"), shown(b"\xfe"));
}

#[test]
fn an_empty_key_is_nobody_elses() {
    let empty = whole(Kind::Lock, "p", "");
    for key in ["%", "%25", "%%", "{", "}", "{}"] {
        assert_ne!(whole(Kind::Lock, "p", key), empty, "{key}");
    }
    // a cluster takes for the hash tag what stands between the first braces, unless it is nothing
    assert_eq!([empty, whole(Kind::Lock, "p", "%")], ["p:l:{%}", "p:l:{%%}"]);
}
