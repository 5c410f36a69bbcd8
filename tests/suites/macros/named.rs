//! Keys with arguments of their own, named as in `format!`.

use cachify::{Cachify, Memory, Refused, cached, lock, once};
use std::sync::LazyLock;

static LOCAL: LazyLock<Cachify<Memory>> = LazyLock::new(|| Cachify::builder().build_memory());

struct Server {
    user: u64,
}

impl Server {
    fn user_id(&self) -> u64 {
        self.user
    }

    #[cached(instance = LOCAL, key("cart:{id}:{r#type:>3}", id = self.user_id(), r#type = kind.len()), ttl = 5)]
    fn cart(&self, kind: &str) -> u64 {
        self.user + kind.len() as u64
    }
}

/// A value that is made for the key alone, and one that stands for a parameter of its name.
#[lock(instance = LOCAL, key("{id}:{name}:{pair.1}", id = id % 10, name = name.trim().to_lowercase(), pair = (0, flag),), wait = 1)]
async fn normalised(id: u64, name: String, flag: bool, _unnamed: u8) -> Result<(u64, usize), Refused> {
    Ok((id + u64::from(flag), name.len()))
}

macro_rules! keyed {
    ($name:ident, $key:literal, $value:expr) => {
        #[once(instance = LOCAL, key($key, value = $value, other = { let id = 7; id }), keep = 60)]
        fn $name(id: u64) -> Option<u64> {
            Some(id)
        }
    };
}
keyed!(by_macro, "{value}:{other}:{id}", [1, 2].len());

#[tokio::test]
async fn a_key_has_arguments_of_its_own() {
    let server = Server { user: 1 };
    assert_eq!(
        (server.cart("ab"), server.cart_key("ab").unwrap(), server.cart_reset("ab")),
        (3, "cart:1:  2".into(), Ok(true))
    );
    assert_eq!(normalised(42, " Ada ".into(), true, 0).await, Ok((43, 5)));
    assert_eq!(normalised::key(42, " Ada ", true).unwrap(), "2:ada:true");
    assert_eq!((by_macro(5), by_macro::key(5).unwrap()), (Some(5), "2:7:5".into()));
}
