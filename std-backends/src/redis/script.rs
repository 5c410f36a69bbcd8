//! The scripts: one file per atomic operation, put together with the rules it uses.

use std::{ops::Deref, sync::LazyLock};

/// One script; a server knows it by its digest once it has seen its text.
pub(super) struct Script {
    plain: Text,
    /// For a server that can be told to keep a key.
    blessing: Text,
}

/// What is sent.
pub(super) struct Text {
    pub(super) body: &'static str,
    known_as: LazyLock<redis::Script>,
}

impl Text {
    pub(super) fn digest(&self) -> &str {
        self.known_as.deref().get_hash()
    }
}

impl Script {
    /// As it is run by a server that blesses, or does not.
    pub(super) const fn text(&self, blesses: bool) -> &Text {
        if blesses { &self.blessing } else { &self.plain }
    }
}

macro_rules! scripts {
    ($($NAME:ident = $($file:literal)*;)*) => {
        $(pub(super) static $NAME: Script = {
            const PLAIN: &str = concat!("local BLESS = false\n", $(include_str!(concat!("scripts/", $file, ".lua"))),*);
            const BLESSING: &str = concat!("local BLESS = true\n", $(include_str!(concat!("scripts/", $file, ".lua"))),*);
            Script {
                plain: Text { body: PLAIN, known_as: LazyLock::new(|| redis::Script::new(PLAIN)) },
                blessing: Text { body: BLESSING, known_as: LazyLock::new(|| redis::Script::new(BLESSING)) },
            }
        };)*

        #[cfg(test)]
        pub(super) static ALL: &[&Script] = &[$(&$NAME),*];
    };
}

scripts! {
    ACQUIRE = "clock" "line" "lease" "asking" "acquire";
    RENEW = "clock" "lease" "line" "ending" "renew";
    RELEASE = "clock" "line" "lease" "ending" "release";
    BEGIN = "clock" "line" "lease" "asking" "begin";
    COMPLETE = "clock" "line" "lease" "ending" "complete";
    INSPECT = "clock" "lease" "inspect";
    LIFE = "life";
    FORCE = "clock" "line" "lease" "ending" "force";
    JOIN = "clock" "line" "lease" "asking" "join";
    PUBLISH = "clock" "line" "lease" "ending" "publish";
    INSERT = "clock" "line" "lease" "ending" "insert";
    INVALIDATE = "clock" "line" "lease" "ending" "invalidate";
    TAKE = "clock" "line" "permits" "take";
    EXTEND = "clock" "permits" "extend";
    GIVE_BACK = "clock" "line" "permits" "give_back";
    IN_USE = "clock" "permits" "in_use";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_script_is_its_own_and_names_no_key_that_was_not_declared() {
        let texts: Vec<_> = ALL.iter().flat_map(|script| [true, false].map(|blesses| script.text(blesses))).collect();
        let digests: BTreeSet<_> = texts.iter().map(|text| text.digest()).collect();
        assert_eq!(digests.len(), texts.len());
        for script in texts {
            assert!(!script.body.contains(".. ':q'") && !script.body.contains(".. ':h'"), "keys are declared");
        }
    }
}
