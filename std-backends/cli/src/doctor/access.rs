//! Whether the access list allows what the library needs. The server itself is asked, by a script that changes nothing.

use super::Finding;
use crate::{
    connect::{Node, command},
    failure::Failure,
};
use cachify::{cachify_core::key::Kind, tool::Place};
use redis::Value;

/// What the library sends, each with the words behind the key that make it a whole command.
const NEEDED: [&str; 27] = [
    "evalsha x 1 KEY",
    "eval x 1 KEY",
    "get KEY",
    "getrange KEY 0 1",
    "set KEY v",
    "del KEY",
    "exists KEY",
    "hget KEY f",
    "hset KEY f v",
    "hdel KEY f",
    "hmget KEY f",
    "zadd KEY 1 m",
    "zcard KEY",
    "zcount KEY 0 1",
    "zrange KEY 0 1",
    "zrangebyscore KEY 0 1",
    "zrem KEY m",
    "zrevrangebyscore KEY 1 0",
    "zscore KEY m",
    "pexpire KEY 1",
    "pttl KEY",
    "time",
    "ping",
    "publish CHANNEL m",
    "subscribe CHANNEL",
    "strlen KEY",
    "scan 0",
];
/// How many of them, at the end, only this tool sends.
const OURS: usize = 2;

/// Each argument is a command, whose words are parted by spaces; those that are not allowed.
const ASK: &str = "local refused = {}
for _, words in ipairs(ARGV) do
  local parts = {}
  for word in string.gmatch(words, '%S+') do
    if word == 'KEY' then word = KEYS[1] end
    if word == 'CHANNEL' then word = KEYS[1]:gsub('l:{.*', 'in:0') end
    parts[#parts + 1] = word
  end
  if not redis.acl_check_cmd(unpack(parts)) then refused[#refused + 1] = parts[1] end
end
return refused";

/// What of it is not allowed; the tool's own part is another finding.
pub(super) fn check(node: &mut Node, prefix: &str) -> Result<Vec<Finding>, Failure> {
    let name = Place::new(Kind::Lock, None, "doctor").name(prefix);
    let words = [&["EVAL", ASK, "1", &name][..], &NEEDED].concat();
    let Ok(Value::Array(refused)) = node.one(&command(&words))? else {
        // before Redis 7 a script cannot ask that
        return Ok(vec![Finding::unknown("access", "the server does not tell what its access list allows")]);
    };
    let refused: Vec<String> = refused.into_iter().filter_map(|word| redis::from_redis_value(word).ok()).collect();
    let is_ours = |word: &String| NEEDED[NEEDED.len() - OURS..].iter().any(|ours| ours.split(' ').next() == Some(word));
    let (ours, theirs): (Vec<_>, Vec<_>) = refused.into_iter().partition(is_ours);
    let library = match theirs.as_slice() {
        [] => Finding::well("access", "all that the library needs is allowed"),
        theirs => Finding::wrong("access", format!("not allowed: {}", theirs.join(" ")), allow(theirs, prefix)),
    };
    let tool = match ours.as_slice() {
        [] => None,
        ours => Some(Finding::unknown("this tool", format!("cannot list all: not allowed are {}", ours.join(" ")))),
    };
    Ok([Some(library), tool].into_iter().flatten().collect())
}

fn allow(words: &[String], prefix: &str) -> String {
    let all: Vec<_> = words.iter().map(|word| format!("+{word}")).collect();
    format!("`ACL SETUSER <user> ~{prefix}:* &{prefix}:in:* {}`", all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, fs, path::Path};

    #[test]
    fn what_the_guide_lists_is_what_is_checked() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guide/redis.md");
        let page = fs::read_to_string(page).unwrap();
        let (_, block) = page.split_once("ACL SETUSER app").unwrap();
        let (block, _) = block.split_once("```").unwrap();
        let listed: BTreeSet<_> = block.split_whitespace().filter_map(|word| word.strip_prefix('+')).collect();
        let checked = NEEDED[..NEEDED.len() - OURS].iter().filter_map(|words| words.split(' ').next());
        assert_eq!(checked.collect::<BTreeSet<_>>(), listed);
    }
}
