//! The file that says what a gateway does, and which devices it knows; it is checked as a whole before anything of it counts.

use crate::{
    options::{Backend, Failure, Line, Options, machine},
    registry::{Device, Known, Rights},
};
use cachify::cachify_core::key::Kind;
use cachify_link::{Limits, keyed::DeviceKey};
use serde::Deserialize;
use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Vec<String>,
    redis: Option<String>,
    #[serde(default)]
    memory: bool,
    prefix: Option<String>,
    baud: Option<u32>,
    devices: Option<u32>,
    silence: Option<u32>,
    id: Option<String>,
    status: Option<String>,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    limits: Bounds,
    #[serde(default)]
    device: Vec<Entry>,
}

/// Times in seconds.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    lease: Option<u64>,
    keep: Option<u64>,
    held: Option<u32>,
    stored: Option<u32>,
    requests: Option<u32>,
    bytes: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: Option<String>,
    keys: Vec<String>,
    namespace: Option<String>,
    allow: Vec<String>,
    #[serde(default)]
    force: bool,
}

/// What the file says.
pub(crate) fn read(path: &Path) -> Result<(Options, Known), Failure> {
    let wrong = |why: String| Failure::Config(path.to_owned(), why);
    let text = fs::read_to_string(path).map_err(|why| wrong(format!("it cannot be read: {why}")))?;
    let file: File = toml::from_str(&text).map_err(|why| wrong(why.to_string().trim().to_owned()))?;
    let mode = fs::metadata(path).map_err(|why| wrong(why.to_string()))?.permissions().mode();
    if !file.device.is_empty() && mode & 0o077 != 0 {
        return Err(wrong("others can read the keys in it: `chmod 600` it".to_owned()));
    }
    let known = Known { devices: devices(&file.device).map_err(wrong)?, limits: limits(&file.limits).map_err(wrong)? };
    options(file).map_err(wrong).map(|options| (options, known))
}

fn options(file: File) -> Result<Options, String> {
    let backend = match (file.redis, file.memory) {
        (Some(url), false) => Backend::Redis(url),
        (None, true) => Backend::Memory,
        _ => return Err("say either `redis = \"redis://..\"` or `memory = true`".to_owned()),
    };
    if file.device.is_empty() != file.insecure {
        return Err(match file.insecure {
            true => "`insecure = true` serves everybody: there is no `[[device]]` then".to_owned(),
            false => "no `[[device]]` has a key; `insecure = true` serves everybody who reaches a line".to_owned(),
        });
    }
    let listen = file.listen.iter().map(|word| Line::read(word).ok_or_else(|| format!("`{word}` is no line")));
    let listen = listen.collect::<Result<Vec<_>, _>>()?;
    if listen.is_empty() {
        return Err("say where devices come from: `listen = [\"tcp:0.0.0.0:7400\"]`".to_owned());
    }
    let some = |what: &str, number: Option<u32>, unless: u32| match number {
        Some(0) => Err(format!("`{what}` is at least 1")),
        number => Ok(number.unwrap_or(unless)),
    };
    Ok(Options {
        listen,
        backend,
        prefix: file.prefix.unwrap_or_else(|| "cachify".to_owned()),
        baud: some("baud", file.baud, 115_200)?,
        devices: some("devices", file.devices, 256)? as usize,
        silence: some("silence", file.silence, 10)?,
        id: file.id.unwrap_or_else(machine),
        status: file.status,
        is_insecure: file.insecure,
    })
}

fn limits(bounds: &Bounds) -> Result<Limits, String> {
    let mut limits = Limits::DEFAULT;
    let Bounds { lease, keep, held, stored, requests, bytes } = bounds;
    for (what, number) in [("lease", *lease), ("keep", *keep)] {
        if number == Some(0) {
            return Err(format!("`limits.{what}` is at least a second"));
        }
    }
    for (what, number) in [("held", held), ("stored", stored), ("requests", requests), ("bytes", bytes)] {
        if *number == Some(0) {
            return Err(format!("`limits.{what}` is at least 1"));
        }
    }
    limits.lease = lease.map_or(limits.lease, Duration::from_secs);
    limits.keep = keep.map_or(limits.keep, Duration::from_secs);
    limits.held = held.map_or(limits.held, |held| held as usize);
    limits.stored = stored.map_or(limits.stored, |stored| stored as usize);
    limits.rate = requests.unwrap_or(limits.rate);
    limits.bytes = bytes.unwrap_or(limits.bytes);
    Ok(limits)
}

fn devices(entries: &[Entry]) -> Result<HashMap<[u32; 2], Device>, String> {
    let mut devices = HashMap::new();
    for entry in entries {
        let wrong = |why: &str| format!("device `{}`: {why}", entry.id);
        let id = identity(&entry.id).ok_or_else(|| wrong("an id is two numbers, as in `00421337-00000007`"))?;
        let keys = entry.keys.iter().map(|key| DeviceKey::parse(key));
        let keys = keys.collect::<Option<Vec<_>>>().ok_or_else(|| wrong("a key is 32 hexadecimal digits"))?;
        let keys = match <[DeviceKey; 2]>::try_from(keys) {
            Ok(both) => both.map(Some),
            Err(mut one) if one.len() == 1 => [one.pop(), None],
            Err(_) => return Err(wrong("it has one key, or two while one takes the place of the other")),
        };
        if entry.allow.is_empty() {
            return Err(wrong("it may do nothing: say what, as in `allow = [\"lock:door:*\"]`"));
        }
        let allow = entry.allow.iter().map(|pattern| allowed(pattern).ok_or(pattern));
        let allow = allow.collect::<Result<Vec<_>, _>>().map_err(|pattern| {
            wrong(&format!("`{pattern}` is no pattern: it begins with `lock:`, `once:`, `pool:` or `cached:`"))
        })?;
        let namespace = entry.namespace.clone();
        if namespace.as_deref().is_some_and(|name| name.is_empty() || !name.bytes().all(is_of_name)) {
            return Err(wrong("a namespace is made of letters, digits, `-`, `_` and `.`"));
        }
        let name = entry.name.clone().unwrap_or_else(|| entry.id.clone());
        let device = Device { name, keys, rights: Rights { namespace, allow, force: entry.force } };
        if devices.insert(id, device).is_some() {
            return Err(wrong("it is there twice"));
        }
    }
    Ok(devices)
}

const fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

/// As a log names it.
fn identity(text: &str) -> Option<[u32; 2]> {
    let (a, b) = text.split_once('-')?;
    let word = |digits: &str| (digits.len() == 8).then(|| u32::from_str_radix(digits, 16).ok()).flatten();
    Some([word(a)?, word(b)?])
}

fn allowed(pattern: &str) -> Option<(Kind, String)> {
    let (kind, keys) = pattern.split_once(':')?;
    let kind = match kind {
        "lock" => Kind::Lock,
        "once" => Kind::Once,
        "pool" => Kind::Pool,
        "cached" => Kind::Cache,
        _ => return None,
    };
    Some((kind, keys.to_owned()))
}
