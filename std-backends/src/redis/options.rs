//! Where the servers are: URLs, checked before anything is done. Nothing of a URL appears in an error: it may hold a
//! password.

use super::{Target, address::Address, sentinel::Sentinels};
use crate::Error;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, io::tcp::socket2::TcpKeepalive};
use std::{path::PathBuf, time::Duration};

/// The servers of a URL.
pub(super) fn target(url: &str, tls: &Tls, login: &Login) -> Result<Target, Error> {
    let (scheme, rest) = url.split_once("://").ok_or(Error::Config(FORM))?;
    match scheme.split_once('+') {
        Some((scheme, "sentinel")) => sentinels(scheme, rest, tls, login),
        _ if login.is_any() => Err(NO_SENTINELS),
        Some((scheme, "cluster")) => {
            let nodes: Vec<_> = each(scheme, rest).collect();
            cluster(nodes.iter().map(String::as_str), tls)
        }
        _ => Ok(Target::One(Address::Fixed(client(url, tls)?).into())),
    }
}

/// A cluster, by the URLs of some of its nodes.
pub(super) fn cluster<'u>(urls: impl IntoIterator<Item = &'u str>, tls: &Tls) -> Result<Target, Error> {
    let node = |url| {
        let client = client(url, tls)?;
        match client.get_connection_info().redis_settings().db() {
            0 => Ok(Address::Fixed(client)),
            _ => Err(Error::Config("a cluster has one database: no number stands behind its nodes")),
        }
    };
    let nodes = urls.into_iter().map(node).collect::<Result<Vec<_>, _>>()?;
    if nodes.is_empty() { Err(Error::Config(FORM)) } else { Ok(Target::Cluster(nodes)) }
}

/// Who logs in at sentinels, where these want that.
#[derive(Clone, Default)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

/// Who logs in at none.
pub(super) const NO_SENTINELS: Error =
    Error::Config("`sentinel_user` and `sentinel_password` are for `redis+sentinel://..`");

impl Login {
    pub(super) const fn is_any(&self) -> bool {
        self.user.is_some() || self.password.is_some()
    }

    fn at(&self, sentinel: &Client) -> Result<Client, Error> {
        if self.user.is_some() && self.password.is_none() {
            return Err(Error::Config("`sentinel_user` is nobody without `sentinel_password`"));
        }
        let info = sentinel.get_connection_info();
        let mut settings = info.redis_settings().clone();
        if let Some(user) = &self.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Client::open(info.clone().set_redis_settings(settings)).map_err(|_| Error::Config(FORM))
    }
}

/// Sentinels, and the service whose master is meant: user, password and database are the master's.
fn sentinels(scheme: &str, rest: &str, tls: &Tls, at_sentinels: &Login) -> Result<Target, Error> {
    const FORM: Error = Error::Config(
        "the URL of sentinels is not one: `redis+sentinel://[user:password@]host[:port],host[:port]/service[/database]`",
    );
    let (nodes, path) = rest.split_once('/').ok_or(FORM)?;
    let (service, database) = path.split_once('/').unwrap_or((path, "0"));
    if service.is_empty() || service.contains(['?', '#', '%', '@']) {
        return Err(FORM);
    }
    let (login, hosts) = login(nodes);
    let hosts = hosts.split(',').map(|host| if host.contains(':') { host.into() } else { format!("{host}:26379") });
    let all = hosts.map(|host| at_sentinels.at(&client(&format!("{scheme}://{host}"), tls)?));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    // its address is what the sentinels say
    let master = client(&format!("{scheme}://{login}master/{database}"), tls)?.get_connection_info().clone();
    Ok(Target::One(Address::Sentinels(Sentinels::new(all, service, master)).into()))
}

/// A URL of each of the hosts, which are separated by commas; who logs in at the first does at all.
fn each<'u>(scheme: &'u str, rest: &'u str) -> impl Iterator<Item = String> + 'u {
    let (login, hosts) = login(rest);
    hosts.split(',').map(move |host| format!("{scheme}://{login}{host}"))
}

/// Who logs in, with the sign behind it; and where.
fn login(rest: &str) -> (&str, &str) {
    rest.rfind('@').map_or(("", rest), |at| rest.split_at(at + 1))
}

/// A client for the URL of one server.
fn client(url: &str, tls: &Tls) -> Result<Client, Error> {
    let (scheme, _) = url.split_once("://").ok_or(Error::Config(FORM))?;
    match scheme {
        "redis" | "valkey" | "unix" | "redis+unix" | "valkey+unix" => {}
        "rediss" | "valkeys" if cfg!(feature = "redis-tls") => {}
        "rediss" | "valkeys" => return Err(Error::Config("`rediss://` needs cachify's feature `redis-tls`")),
        _ => return Err(Error::Config(FORM)),
    }
    let info = url.into_connection_info().map_err(|_| Error::Config(FORM))?;
    let info = settled(info);
    if tls.is_any() {
        return tls.client(info);
    }
    Client::open(info).map_err(|_| Error::Config("this kind of address is not available on this system"))
}

/// Files in PEM format by which server and client know each other.
#[derive(Clone, Default)]
#[cfg_attr(not(feature = "redis-tls"), expect(dead_code, reason = "nothing sets them"))]
pub(crate) struct Tls {
    pub(crate) authority: Option<PathBuf>,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

#[cfg(not(feature = "redis-tls"))]
impl Tls {
    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    const fn is_any(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "with the feature it is used")]
    fn client(&self, _: ConnectionInfo) -> Result<Client, Error> {
        Err(Error::Config(FORM))
    }
}

#[cfg(feature = "redis-tls")]
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
#[cfg(feature = "redis-tls")]
const NO_PEM: Error = Error::Config("a file of `tls_authority` or `tls_identity` holds no PEM of its kind");

#[cfg(feature = "redis-tls")]
impl Tls {
    const fn is_any(&self) -> bool {
        self.authority.is_some() || self.certificate.is_some() || self.key.is_some()
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, Error> {
        if !matches!(info.addr(), redis::ConnectionAddr::TcpTls { .. }) {
            return Err(Error::Config("certificates are for `rediss://..`"));
        }
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|_| Error::Config("a file of `tls_authority` or `tls_identity` cannot be read"))
        };
        let client_tls = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => {
                Some(redis::ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
            }
            (None, None) => None,
            _ => return Err(Error::Config("`tls_certificate` and `tls_key` are set together, or neither")),
        };
        let root_cert = self.authority.as_ref().map(read).transpose()?;
        // one without any certificate would be taken for an authority that signs nothing
        if root_cert.as_ref().is_some_and(|pem| !pem.windows(BEGIN.len()).any(|part| part == BEGIN)) {
            return Err(NO_PEM);
        }
        let certificates = redis::TlsCertificates { client_tls, root_cert };
        Client::build_with_tls(info, certificates).map_err(|_| NO_PEM)
    }
}

/// What every connection needs, whoever made the client.
pub(super) fn settled(info: ConnectionInfo) -> ConnectionInfo {
    // without nodelay, a write that follows a write waits for 40 ms; without probes, a way that was forgotten between
    // here and there is noticed only by a call
    let probes = TcpKeepalive::new().with_time(Duration::from_secs(15)).with_interval(Duration::from_secs(5));
    let tcp = info.tcp_settings().clone().set_nodelay(true).set_keepalive(probes);
    // two commands less to wait for, each with a time limit of its own
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    info.set_tcp_settings(tcp).set_redis_settings(settings)
}

const FORM: &str = "the URL of the server is not one: `redis://[user:password@]host[:port][/database]`, `rediss://..` for TLS, `unix:///path`, `redis+cluster://host[:port],host[:port]` or `redis+sentinel://host[:port],host[:port]/service`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_checked_without_connecting_and_never_shown() {
        for url in [
            "",
            "localhost:6379",
            "http://:secret@x",
            "redis://:secret@",
            "redis://:secret@h:port",
            "redis://h/x",
            "redis+cluster://",
            "redis+cluster://:secret@a,,b",
            "redis+cluster://:secret@a,b/3",
            "http+cluster://:secret@a",
            "redis+sentinel://:secret@a,b",
            "redis+sentinel://:secret@a,b/",
            "redis+sentinel://:secret@a,/main",
            "redis+sentinel://:secret@a/main/x",
        ] {
            let why = target(url, &Tls::default(), &Login::default()).map(drop).unwrap_err();
            assert!(matches!(why, Error::Config(_)), "{url}");
            assert!(!format!("{why} {why:?}").contains("secret"));
        }
        for url in [
            "redis://h",
            "redis://:secret@h:7000/3",
            "unix:///run/redis.sock",
            "valkey://h",
            "redis+cluster://a",
            "valkey+cluster://user:secret@a:7000,b,c:7001",
            "redis+sentinel://user:secret@a,b:7000/main/3",
        ] {
            assert!(target(url, &Tls::default(), &Login::default()).is_ok(), "{url}");
        }
        assert_eq!(client("rediss://h", &Tls::default()).is_ok(), cfg!(feature = "redis-tls"));
    }

    #[test]
    fn small_writes_are_not_held_back() {
        assert!(client("redis://h", &Tls::default()).unwrap().get_connection_info().tcp_settings().nodelay());
    }
}
