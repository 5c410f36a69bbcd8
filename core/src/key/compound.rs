//! Values inside keys that are made of others: each is joined by colons, which are escaped in what they join.
//!
//! Invariant: whoever knows the types can read the values back, so no two of one type have one text. What has no fixed
//! number of parts begins with their number, what may be missing with a word.

use super::{KeyPart, KeySink, Text};

fn joined<'a, T: KeyPart + 'a>(
    out: &mut impl KeySink,
    parts: impl IntoIterator<Item = &'a T>,
    stop: Option<char>,
    mut is_first: bool,
) {
    for part in parts {
        if !is_first {
            out.put_text(Text::of(":"));
        }
        is_first = false;
        part.render(out, stop);
    }
}

/// Nothing: one value has one text.
impl KeyPart for () {
    fn render(&self, _: &mut impl KeySink, _: Option<char>) {}
}

macro_rules! tuples {
    ($($first:ident $($rest:ident)*;)*) => { $(
        /// The elements, a colon between each two.
        impl<$first: KeyPart, $($rest: KeyPart),*> KeyPart for ($first, $($rest,)*) {
            #[allow(non_snake_case, reason = "type parameters name the elements")]
            fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
                let ($first, $($rest,)*) = self;
                $first.render(out, stop);
                $( out.put_text(Text::of(":")); $rest.render(out, stop); )*
            }
        }
    )* };
}
tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }

/// The elements, a colon between each two.
impl<T: KeyPart, const N: usize> KeyPart for [T; N] {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        joined(out, self, stop, true);
    }
}

/// How many elements there are, then they, a colon between each two.
impl<T: KeyPart> KeyPart for [T] {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        self.len().render(out, stop);
        joined(out, self, stop, false);
    }
}

/// `None`, or `Some:` and what there is, as a derived enum has them.
impl<T: KeyPart> KeyPart for Option<T> {
    fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
        if self.is_some() { "Some" } else { "None" }.render(out, stop);
        joined(out, self, stop, false);
    }
}

#[cfg(feature = "alloc")]
mod owned {
    use super::{KeyPart, KeySink};
    use alloc::{
        borrow::{Cow, ToOwned},
        boxed::Box,
        rc::Rc,
        sync::Arc,
        vec::Vec,
    };

    macro_rules! pointers {
        ($($pointer:ident)*) => { $(
            impl<T: KeyPart + ?Sized> KeyPart for $pointer<T> {
                fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
                    (**self).render(out, stop);
                }
            }
        )* };
    }
    pointers! { Arc Box Rc }

    impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
        fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
            (**self).render(out, stop);
        }
    }

    /// How many elements there are, then they, a colon between each two.
    impl<T: KeyPart> KeyPart for Vec<T> {
        fn render(&self, out: &mut impl KeySink, stop: Option<char>) {
            self.as_slice().render(out, stop);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AsKey, KeyBuffer, LongKeyBuf};
    use std::{collections::BTreeSet, string::String, vec, vec::Vec};

    fn text(key: &impl AsKey) -> String {
        let mut buf = LongKeyBuf::default();
        key.render_key(&mut buf);
        String::from_utf8_lossy(buf.bytes().unwrap()).into_owned()
    }

    #[test]
    fn compound_values_are_their_parts() {
        assert_eq!(text(&("k", (1, "a:b"), ["x"; 2])), "k:1:a%3Ab:x:x");
        assert_eq!(text(&("k", Some(1), None::<u8>, Some(Some("")))), "k:Some:1:None:Some:Some:");
        assert_eq!(text(&("k", &[3, 4][..], &[0_u8; 0][..], ((),))), "k:2:3:4:0:");
        assert_eq!(text(&("k", u128::MAX)), "k:340282366920938463463374607431768211455");
        let owned = (std::sync::Arc::new(1), std::boxed::Box::<str>::from("b"), std::borrow::Cow::Borrowed("c"));
        assert_eq!(text(&("k", owned, vec![i128::MIN])), "k:1:b:c:1:-170141183460469231731687303715884105728");
    }

    #[test]
    fn no_two_values_of_one_type_have_one_text() {
        type Nested = (Option<String>, Vec<String>, [Option<(String, u8)>; 1]);
        let words = ["", ":", "1", "None", "Some:"].map(String::from);
        let some: Vec<_> = words.iter().cloned().map(Some).chain([None]).collect();
        let lists = [vec![], vec![0], vec![1], vec![0, 1], vec![2, 3], vec![4, 4]];
        let lists = lists.map(|list| list.iter().map(|at: &usize| words[*at].clone()).collect::<Vec<_>>());
        let mut seen = BTreeSet::new();
        for (one, list, last) in some
            .iter()
            .flat_map(|one| lists.iter().map(move |list| (one, list)))
            .flat_map(|(one, list)| some.iter().map(move |last| (one, list, last)))
        {
            let value: Nested = (one.clone(), list.clone(), [last.clone().map(|last| (last, 7))]);
            assert!(seen.insert(text(&("k", &value, "end"))), "{value:?}");
        }
        assert_eq!(seen.len(), 6 * 6 * 6);
    }
}
