//! The scripts: one file per atomic operation, put together with the rules it uses.

use std::{ops::Deref, sync::LazyLock};

/// One script; the server knows it by its digest once it has seen its text.
pub(super) struct Script {
    pub(super) body: &'static str,
    known_as: LazyLock<redis::Script>,
}

impl Script {
    pub(super) fn digest(&self) -> &str {
        self.known_as.deref().get_hash()
    }
}

macro_rules! scripts {
    ($($NAME:ident = $($file:literal)*;)*) => {
        $(pub(super) static $NAME: Script = {
            const BODY: &str = concat!($(include_str!(concat!("scripts/", $file, ".lua"))),*);
            Script { body: BODY, known_as: LazyLock::new(|| redis::Script::new(BODY)) }
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
        let digests: BTreeSet<_> = ALL.iter().map(|script| script.digest()).collect();
        assert_eq!(digests.len(), ALL.len());
        for script in ALL {
            assert!(!script.body.contains(".. ':q'") && !script.body.contains(".. ':h'"), "keys are declared");
        }
    }
}
