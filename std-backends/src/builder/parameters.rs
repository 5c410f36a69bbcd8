//! Settings as text: the parameters of a URL, and the environment.

use super::Builder;
#[cfg(feature = "redis")]
use super::{ReadFrom, Where};
use crate::Error;
use cachify_core::Ttl;
use std::time::Duration;

/// A time: a whole number with its unit behind it.
fn time(text: &str) -> Option<Duration> {
    let unit = text.find(|digit: char| !digit.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).map(Duration::from_secs);
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => seconds(86_400),
        _ => None,
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Text of a URL, in which `%` and two digits stand for a byte.
#[cfg(feature = "redis")]
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

/// All settings that are text, in the words of [`Builder`]'s methods.
const NAMES: [&str; 21] = [
    "prefix",
    "default_ttl",
    "default_lease",
    "default_permit",
    "flight",
    "poll",
    "op_timeout",
    "connect_timeout",
    "max_entries",
    "max_markers",
    "max_weight",
    "idle",
    "max_value_bytes",
    "blocking",
    "label",
    "read_from",
    "sentinel_user",
    "sentinel_password",
    "tls_authority",
    "tls_certificate",
    "tls_key",
];
const UNKNOWN: Error = Error::Config(
    "a parameter of the URL is none: they are called as the methods of the builder, `op_timeout` and `prefix` for two",
);

impl Builder {
    /// Sets what is called so.
    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        macro_rules! wrong {
            ($name:literal $($what:literal)*) => { Error::Config(concat!("`", $name, "` of a URL or the environment ", $($what),*)) };
        }
        macro_rules! time {
            ($name:literal) => {
                time(value).ok_or(wrong!($name "is a whole number with `ms`, `s`, `m`, `h` or `d` behind it"))?
            };
        }
        macro_rules! number {
            ($name:literal) => { value.parse().map_err(|_| wrong!($name "is a whole number"))? };
        }
        match name {
            "prefix" => self.prefix = value.into(),
            "default_ttl" if value == "forever" => self.config.ttl = Some(Ttl::Forever),
            "default_ttl" => self.config.ttl = Some(Ttl::For(time!("default_ttl"))),
            "default_lease" => self.config.lease = time!("default_lease"),
            "default_permit" => self.config.permit = time!("default_permit"),
            "flight" => self.config.flight = time!("flight"),
            "poll" => self.config.poll = time!("poll"),
            "op_timeout" => self.op_timeout = Some(time!("op_timeout")),
            "connect_timeout" => self.connect_timeout = time!("connect_timeout"),
            "max_entries" => self.bounds.entries = number!("max_entries"),
            "max_markers" => self.bounds.markers = number!("max_markers"),
            "idle" => self.bounds.idle = Some(time!("idle")),
            "max_weight" => self.bounds.weight = Some(number!("max_weight")),
            "max_value_bytes" => self.max_value_bytes = number!("max_value_bytes"),
            "blocking" => self.blocking = truth(value).ok_or(wrong!("blocking" "is `true` or `false`"))?,
            "label" => self.set_label(value),
            #[cfg(feature = "redis")]
            "read_from" => {
                self.read_from = match value {
                    "master" => ReadFrom::Master,
                    "replicas" => ReadFrom::Replicas,
                    _ => return Err(wrong!("read_from" "is `master` or `replicas`")),
                };
            }
            #[cfg(feature = "redis")]
            "sentinel_user" => self.at_sentinels.user = Some(value.into()),
            #[cfg(feature = "redis")]
            "sentinel_password" => self.at_sentinels.password = Some(value.into()),
            #[cfg(feature = "redis-tls")]
            "tls_authority" => self.tls.authority = Some(value.into()),
            #[cfg(feature = "redis-tls")]
            "tls_certificate" => self.tls.certificate = Some(value.into()),
            #[cfg(feature = "redis-tls")]
            "tls_key" => self.tls.key = Some(value.into()),
            #[cfg(not(feature = "redis"))]
            "read_from" | "sentinel_user" | "sentinel_password" => {
                return Err(Error::Config(
                    "`read_from`, `sentinel_user` and `sentinel_password` want the feature `redis`",
                ));
            }
            #[cfg(not(feature = "redis-tls"))]
            "tls_authority" | "tls_certificate" | "tls_key" => {
                return Err(Error::Config(
                    "`tls_authority`, `tls_certificate` and `tls_key` want the feature `redis-tls`",
                ));
            }
            _ => return Err(UNKNOWN),
        }
        Ok(())
    }

    /// Settings of the environment: `CACHIFY_URL` is the server's ([`redis`](Self::redis)), and `CACHIFY_PREFIX`,
    /// `CACHIFY_OP_TIMEOUT` and so on are what the methods of that name set. Times are `500ms`, `5s`, `2m`, `1h` or `1d`;
    /// `CACHIFY_TLS_AUTHORITY`, `CACHIFY_TLS_CERTIFICATE` and `CACHIFY_TLS_KEY` name files. What is not there stays as
    /// it is; what is set after this counts.
    ///
    /// # Errors
    /// [`Error::Config`] for a value that cannot be read, without the value.
    pub fn env(self) -> Result<Self, Error> {
        self.read(|name| std::env::var(name).ok())
    }

    fn read(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        for name in NAMES {
            if let Some(value) = variable(&format!("CACHIFY_{}", name.to_uppercase())) {
                self.set(name, &value)?;
            }
        }
        match variable("CACHIFY_URL") {
            #[cfg(feature = "redis")]
            Some(url) => Ok(self.redis(url)),
            #[cfg(not(feature = "redis"))]
            Some(_) => Err(Error::Config("`CACHIFY_URL` wants the feature `redis`")),
            None => Ok(self),
        }
    }

    /// What the URLs say beside where the servers are; what they say counts.
    #[cfg(feature = "redis")]
    pub(super) fn with_parameters(mut self) -> Result<Self, Error> {
        let mut urls = match &mut self.backend {
            Where::Redis(url) => vec![std::mem::take(url)],
            Where::Cluster(urls) => std::mem::take(urls),
            _ => return Ok(self),
        };
        for url in &mut urls {
            let Some((base, parameters)) = url.split_once('?') else { continue };
            let mut kept = base.to_owned();
            for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
                let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                // those of the client
                if matches!(name, "db" | "user" | "pass" | "protocol") {
                    kept.push(if kept.contains('?') { '&' } else { '?' });
                    kept.push_str(parameter);
                    continue;
                }
                let value =
                    decoded(value).ok_or(Error::Config("a parameter of the URL is no text: `%` wants two digits"))?;
                self.set(name, &value)?;
            }
            *url = kept;
        }
        match &mut self.backend {
            Where::Redis(url) => *url = urls.pop().unwrap_or_default(),
            Where::Cluster(all) => *all = urls,
            _ => {}
        }
        Ok(self)
    }

    #[cfg(not(feature = "redis"))]
    #[expect(clippy::unnecessary_wraps, reason = "with the feature a parameter may be wrong")]
    pub(super) fn with_parameters(self) -> Result<Self, Error> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, expected) in [
            ("500ms", Some(Duration::from_millis(500))),
            ("5s", Some(Duration::from_secs(5))),
            ("2m", Some(Duration::from_secs(120))),
            ("1h", Some(Duration::from_secs(3_600))),
            ("1d", Some(Duration::from_secs(86_400))),
            ("0s", Some(Duration::ZERO)),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1.5s", None),
            ("18446744073709551615d", None),
            ("99999999999999999999s", None),
        ] {
            assert_eq!(time(text), expected, "{text}");
        }
    }

    #[test]
    fn each_setting_is_read_and_what_cannot_be_is_said_by_its_name() {
        for name in NAMES {
            let fits =
                ["1s", "7", "true", "replicas"].into_iter().find(|value| Builder::new().set(name, value).is_ok());
            let is_there = cfg!(feature = "redis-tls") || !name.starts_with("tls_");
            let is_of_servers = name == "read_from" || name.starts_with("sentinel_");
            let is_there = is_there && (cfg!(feature = "redis") || !is_of_servers);
            assert_eq!(fits.is_some(), is_there, "{name}");
            let is_text =
                matches!(name, "prefix" | "label") || name.starts_with("tls_") || name.starts_with("sentinel_");
            if !is_text && is_there {
                let why = Builder::new().set(name, "rubbish").unwrap_err();
                assert!(why.to_string().contains(name), "{why}");
            }
        }
        assert_eq!(Builder::new().set("colour", "red"), Err(UNKNOWN));
    }

    #[test]
    fn the_environment_sets_what_it_names() {
        let variables = |name: &str| match name {
            "CACHIFY_PREFIX" => Some("app".to_owned()),
            "CACHIFY_POLL" => Some("2s".to_owned()),
            "CACHIFY_DEFAULT_TTL" => Some("forever".to_owned()),
            _ => None,
        };
        let built = Builder::new().read(variables).unwrap();
        assert_eq!((built.prefix.as_str(), built.config.poll), ("app", Duration::from_secs(2)));
        assert_eq!(built.config.ttl, Some(Ttl::Forever));
    }

    #[cfg(feature = "redis")]
    #[test]
    fn a_url_says_what_the_builder_would() {
        let url = "redis://h/3?prefix=a%3Ab&op_timeout=250ms&protocol=resp3&read_from=master";
        let built = Builder::new().redis(url).with_parameters().unwrap();
        assert_eq!((built.prefix.as_str(), built.op_timeout), ("a:b", Some(Duration::from_millis(250))));
        assert!(matches!(&built.backend, Where::Redis(url) if url == "redis://h/3?protocol=resp3"));
        for url in [
            "redis://h?colour=red",
            "redis://h?poll",
            "redis://h?prefix=%4",
            "redis://h?prefix=%ff",
            "redis://h?poll=1",
        ] {
            assert!(Builder::new().redis(url).build().is_err(), "{url}");
        }
        assert!(Builder::new().redis_cluster(["redis://a?prefix=x", "redis://b"]).build().is_ok());
    }
}
