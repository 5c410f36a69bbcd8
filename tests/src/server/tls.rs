//! A certificate for loopback, by an authority that is made for one server and goes with it.

use super::directory::Directory;
use std::{fs, path::Path, process::Command};

/// The authority's certificate, in the server's directory.
pub(super) const AUTHORITY: &str = "authority.crt";

/// Written out, so that no system's own defaults make the server's certificate an authority too.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = NAMES
";

/// Makes in `directory` the authority, and a key and certificate of the server and of a client.
pub(super) fn certify(directory: &Path, names: &str) {
    fs::write(directory.join("openssl.cnf"), CONFIGURATION.replace("NAMES", names)).expect("a file can be written");
    openssl(directory, "authority", &[]);
    for name in ["server", "client"] {
        openssl(directory, name, &["-CA", AUTHORITY, "-CAkey", "authority.key"]);
    }
}

/// What a server has to be told to use them.
pub(super) fn words(directory: &Directory) -> impl Iterator<Item = String> {
    let files = [
        ("--tls-cert-file", directory.text("server.crt")),
        ("--tls-key-file", directory.text("server.key")),
        ("--tls-ca-cert-file", directory.text(AUTHORITY)),
        ("--tls-auth-clients", "no".into()),
    ];
    files.into_iter().flat_map(|(option, value)| [option.into(), value])
}

fn openssl(directory: &Path, name: &str, signed_by: &[&str]) {
    let made = Command::new("openssl")
        .current_dir(directory)
        .args("req -x509 -config openssl.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split(' '))
        .args(["-subj", &format!("/CN=cachify test {name}"), "-extensions", name])
        .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
        .args(signed_by)
        .output()
        .expect("openssl is missing: run 'bash tests/servers.sh' as root and try again");
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
}
