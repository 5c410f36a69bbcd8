//! The slots of a cluster: which one a name lies in, and what the nodes say of who serves which.

use cachify_core::Cause;
use redis::Value;
use std::ops::RangeInclusive;

/// How many slots a cluster has.
pub(in crate::redis) const SLOTS: u16 = 16_384;

/// CRC-16/XMODEM, by which Redis places keys (its cluster specification, appendix A).
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 })
    })
}

/// The slot of a name: of what stands between its first brace and the next, which is the user's part.
pub(in crate::redis) fn slot_of(name: &str) -> u16 {
    let tag = name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or(name, |(tag, _)| tag);
    crc16(tag.as_bytes()) % SLOTS
}

/// The first number whose digits lie in a slot, which so can name what has to lie there.
pub(in crate::redis) fn tag_of(slot: u16) -> String {
    let mut numbers = (0_u64..).map(|number| number.to_string());
    numbers.find(|digits| crc16(digits.as_bytes()) % SLOTS == slot).unwrap_or_default()
}

/// Some slots, and the addresses of the nodes that serve them, `host:port`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::redis) struct Served {
    pub(in crate::redis) slots: RangeInclusive<u16>,
    pub(in crate::redis) at: String,
    /// Those of its replicas.
    pub(super) replicas: Vec<String>,
}

const STRANGE: Cause = Cause::rejected("the server told its cluster's slots in a way that cachify does not know");

/// Reads an answer to `CLUSTER SLOTS`; a node that names no host is where it was asked.
pub(in crate::redis) fn served(answer: &Value, asked: &str) -> Result<Vec<Served>, Cause> {
    let Value::Array(ranges) = answer else { return Err(STRANGE) };
    ranges.iter().map(|range| one(range, asked).ok_or(STRANGE)).collect()
}

fn one(range: &Value, asked: &str) -> Option<Served> {
    let Value::Array(fields) = range else { return None };
    let [Value::Int(first), Value::Int(last), master, replicas @ ..] = fields.as_slice() else { return None };
    let [first, last] = [first, last].map(|slot| u16::try_from(*slot).ok().filter(|slot| *slot < SLOTS));
    let slots = first?..=last?;
    let replicas = replicas.iter().filter_map(|replica| address(replica, asked)).collect();
    Some(Served { slots, at: address(master, asked)?, replicas }).filter(|served| !served.slots.is_empty())
}

fn address(node: &Value, asked: &str) -> Option<String> {
    let Value::Array(fields) = node else { return None };
    let [host, Value::Int(port), ..] = fields.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        Value::Nil => "",
        _ => return None,
    };
    let host = if matches!(host, "" | "?") { asked } else { host };
    Some(format!("{host}:{}", u16::try_from(*port).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lies_where_redis_puts_it() {
        // the check value of CRC-16/XMODEM, and what `CLUSTER KEYSLOT` says
        assert_eq!(crc16(b"123456789"), 0x31c3);
        for (name, slot) in [("app:l:{a}", 15_495), ("app:l:{a}:q", 15_495), ("p:c:{b}:f", 3_300), ("a", 15_495)] {
            assert_eq!(slot_of(name), slot, "{name}");
        }
        for slot in [0, 1, 8_191, SLOTS - 1] {
            assert_eq!(slot_of(&format!("p:in:1{{{}}}", tag_of(slot))), slot);
        }
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    #[test]
    fn what_nodes_say_is_read_and_rubbish_is_refused() {
        let node = |host, port| Value::Array(vec![host, Value::Int(port), text("id")]);
        let range = |first, last, node| Value::Array(vec![Value::Int(first), Value::Int(last), node]);
        let mut first = range(0, 5, node(text("h"), 7));
        if let Value::Array(fields) = &mut first {
            fields.extend([node(text("r"), 9), Value::Nil]);
        }
        let two = Value::Array(vec![first, range(6, 16_383, node(Value::Nil, 8))]);
        let read = served(&two, "asked").unwrap();
        assert_eq!(read[0], Served { slots: 0..=5, at: "h:7".into(), replicas: vec!["r:9".into()] });
        assert_eq!(read[1].at, "asked:8");
        for rubbish in [
            Value::Nil,
            Value::Array(vec![Value::Int(1)]),
            Value::Array(vec![range(0, 16_384, node(text("h"), 7))]),
            Value::Array(vec![range(-1, 5, node(text("h"), 7))]),
            Value::Array(vec![range(5, 4, node(text("h"), 7))]),
            Value::Array(vec![range(0, 5, node(text("h"), 70_000))]),
            Value::Array(vec![range(0, 5, node(Value::BulkString(vec![0xff]), 7))]),
        ] {
            assert_eq!(served(&rubbish, "asked"), Err(STRANGE), "{rubbish:?}");
        }
    }
}
