use super::{message::token_of, *};
use cachify_core::key::{Key, Kind};
use std::{pin::pin, task::Context};

const A: HolderToken = HolderToken([1; 4]);
const B: HolderToken = HolderToken([2, 0, 0xffff_ffff, 0x10]);

fn inbox() -> (Inbox, Name) {
    let inbox = Inbox::new("in:x".into(), false);
    inbox.channel(0);
    inbox.set([0], 1, true);
    (inbox, Name::of(&Key::new(Kind::Lock, "t", b"k", 0)))
}

fn is_over(inbox: &Inbox, ticket: Ticket) -> bool {
    pin!(inbox.changed(ticket)).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_token_is_thirty_two_digits_and_is_read_back() {
    assert_eq!(hex(B), "0000000200000000ffffffff00000010");
    assert_eq!(token_of(&hex(B)), Some(B));
    for text in ["", "1", "0000000200000000ffffffff0000001", "0000000200000000ffffffff0000001g", "ä"] {
        assert_eq!(token_of(text), None, "{text}");
    }
}

#[test]
fn messages_are_read_and_rubbish_is_not() {
    let (_, name) = inbox();
    let text = format!("{} 3 {}", hex(B), name.text);
    let turn = Turn { token: B, size: 3, name: name.clone() };
    assert_eq!(Message::parse(&format!("!{text}")), Some(Message::Called(turn.clone())));
    assert_eq!(Message::parse(&format!("?{text}")), Some(Message::Standby(turn)));
    assert_eq!(Message::parse(&format!("*{}", name.text)), Some(Message::All(name)));
    for rubbish in ["", "!", "*", "? ?", "!0 1 t:l:{k}", &text, &format!("!{} -1 t:l:{{k}}", hex(A))] {
        assert_eq!(Message::parse(rubbish), None, "{rubbish}");
    }
}

#[test]
fn a_message_that_overtakes_the_reply_ends_the_wait_before_it_begins() {
    let (inbox, name) = inbox();
    let asked = inbox.ask(&name, A, 1);
    assert!(inbox.call(A));
    inbox.told_to_wait(A, 7);
    assert!(is_over(&inbox, asked.ticket));
    assert_eq!(inbox.ask(&name, A, 1).place.arrived, 7, "who asks again stands where it stood");
    assert!(!is_over(&inbox, asked.ticket), "what came before the question is no news");
}

#[test]
fn each_is_called_by_its_token_and_all_by_the_name() {
    let (inbox, name) = inbox();
    let [a, b] = [A, B].map(|token| inbox.ask(&name, token, 1).ticket);
    assert!(inbox.call(B));
    assert_eq!((is_over(&inbox, a), is_over(&inbox, b)), (false, true));
    inbox.call_all(&name);
    assert!(is_over(&inbox, a));
    assert_eq!(inbox.leave(A).map(|place| place.member), Some(format!("{} 1 in:x", hex(A))));
    assert!(inbox.leave(A).is_none() && !inbox.call(A), "nobody is there");
    inbox.leave(B);
    let table = locked(&inbox.table);
    assert!(table.entries.is_empty() && table.keys.is_empty() && table.tickets.is_empty(), "nothing is kept");
}

#[test]
fn a_standby_asks_when_the_turn_is_over() {
    let (inbox, name) = inbox();
    let [ticket, _] = [A, B].map(|token| inbox.ask(&name, token, 1).ticket);
    assert!(inbox.stand_by(A, Instant::from_millis(10)) && inbox.stand_by(B, Instant::from_millis(20)));
    inbox.leave(B);
    assert!(!inbox.stand_by(B, Instant::from_millis(30)), "nobody is there");
    assert_eq!(inbox.end_turns(Instant::from_millis(9)), Some(Instant::from_millis(10)));
    assert!(!is_over(&inbox, ticket));
    assert_eq!(inbox.end_turns(Instant::from_millis(10)), Some(Instant::from_millis(20)));
    assert!(is_over(&inbox, ticket));
    assert_eq!(inbox.end_turns(Instant::from_millis(20)), None, "also of one who is gone");
}

#[test]
fn who_came_before_the_subscription_polls_until_it_stands() {
    let inbox = Inbox::new("in:x".into(), false);
    let name = Name::of(&Key::new(Kind::Lock, "t", b"k", 0));
    assert_eq!(inbox.ask(&name, A, 1).place, Place::default(), "whether messages will reach us is not known");
    inbox.set([0], 1, false);
    let asked = inbox.ask(&name, A, 1);
    assert_eq!((asked.ticket, asked.place.member, asked.former), (Ticket::NONE, format!("{} 1 ", hex(A)), None));
    inbox.told_to_wait(A, 7);
    inbox.set([0], 1, true);
    let asked = inbox.ask(&name, A, 1);
    let former = asked.former.map(|place| place.member);
    assert_eq!((asked.place.member, asked.place.arrived), (format!("{} 1 in:x", hex(A)), 7), "where it is told");
    assert_eq!((former, asked.ticket == Ticket::NONE), (Some(format!("{} 1 ", hex(A))), false));
    inbox.told_to_wait(A, 0);
    inbox.set([0], 1, false);
    let asked = inbox.ask(&name, A, 1);
    assert_eq!((asked.place.member, asked.place.arrived), (format!("{} 1 in:x", hex(A)), 7), "it stays there");
    assert_eq!((asked.ticket, asked.former), (Ticket::NONE, None));
}
