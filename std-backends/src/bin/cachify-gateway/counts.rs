//! What a gateway counts for `/metrics`; nothing is kept of it where nobody asked for that page.

use cachify_link::Served;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

/// Devices on their lines now.
const CONNECTIONS: &str = "cachify_gateway_connections";
const TURNED_AWAY: &str = "cachify_gateway_turned_away_total";
const UNPROVEN: &str = "cachify_gateway_unproven_total";
const REQUESTS: &str = "cachify_gateway_requests_total";

/// Tells a recorder what each is, and that there are none so far.
pub(crate) fn describe() {
    describe_gauge!(CONNECTIONS, Unit::Count, "Devices that are on their lines");
    describe_counter!(TURNED_AWAY, Unit::Count, "Devices that there was no room for");
    describe_counter!(UNPROVEN, Unit::Count, "Lines that ended before a device had proved who it is");
    describe_counter!(REQUESTS, Unit::Count, "What came over lines, by what became of it");
    gauge!(CONNECTIONS).set(0);
    counter!(TURNED_AWAY).absolute(0);
    counter!(UNPROVEN).absolute(0);
    add(Served::default(), Served::default());
}

pub(crate) fn came() {
    gauge!(CONNECTIONS).increment(1);
}

pub(crate) fn left() {
    gauge!(CONNECTIONS).decrement(1);
}

pub(crate) fn turned_away() {
    counter!(TURNED_AWAY).increment(1);
}

pub(crate) fn unproven() {
    counter!(UNPROVEN).increment(1);
}

/// What was served between two looks.
pub(crate) fn add(before: Served, after: Served) {
    for (outcome, before, after) in [
        ("done", before.done, after.done),
        ("repeated", before.repeated, after.repeated),
        ("crowded", before.crowded, after.crowded),
        ("rival", before.rivals, after.rivals),
        ("denied", before.denied, after.denied),
        ("other_version", before.other_version, after.other_version),
        ("rubbish", before.rubbish, after.rubbish),
        ("notice", before.notices, after.notices),
        ("paced", before.paced, after.paced),
    ] {
        counter!(REQUESTS, "outcome" => outcome).increment(after.saturating_sub(before));
    }
}
