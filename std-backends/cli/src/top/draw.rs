//! The board as a screen, however narrow.

use super::board::{Board, Mode};
use crate::{
    look::{Seen, State, kind},
    output::{counted, shown, time},
};
use ratatui::{
    Frame,
    layout::{Constraint, Layout},
    style::{Color, Modifier, Style},
    text::Line,
    widgets::{Paragraph, Row, Table, TableState, Wrap},
};

const HELP: &str = "q quit  s sort  / filter  a all  enter inspect  f force-release";

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, board: &Board) {
    let areas = Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(1)]);
    let [head, body, foot] = areas.areas(frame.area());
    let rows = board.rows();
    frame.render_widget(Line::styled(headline(board, rows.len()), Modifier::BOLD), head);
    match (&board.mode, board.chosen()) {
        (Mode::Detail, Some(seen)) => {
            let lines: Vec<_> = detail(seen, &board.prefix).into_iter().map(Line::from).collect();
            frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), body);
        }
        _ => {
            let mut state = TableState::default().with_selected(board.selected());
            frame.render_stateful_widget(table(&rows), body, &mut state);
        }
    }
    let (text, style) = footline(board);
    frame.render_widget(Line::styled(text, style), foot);
}

fn headline(board: &Board, rows: usize) -> String {
    let filter = if board.needle.is_empty() { String::new() } else { format!(", with `{}`", shown(&board.needle, 30)) };
    let rows = counted(u64::try_from(rows).unwrap_or_default(), "key", "keys");
    format!("{rows} of `{}`, {}{filter}", shown(&board.prefix, 30), board.order.word())
}

fn footline(board: &Board) -> (String, Style) {
    let plain = Style::default();
    match (&board.mode, &board.trouble) {
        (Mode::Filter, _) => (format!("filter: {}_", shown(&board.needle, 60)), plain),
        (Mode::Force(seen), _) => {
            let what = if seen.state == State::Done { "Forget that it is done" } else { "Take it" };
            (format!("[y/n] {what}: {}, {}", seen.name(), seen.held_by()), plain.fg(Color::Red))
        }
        (Mode::Detail, _) => ("any key leads back".into(), plain),
        (Mode::Table, Some(why)) => {
            let age = u64::try_from(board.seen_at.elapsed().as_millis()).unwrap_or(u64::MAX);
            (format!("{}; this was so {} ago", shown(why, 120), time(age)), plain.fg(Color::Red))
        }
        (Mode::Table, None) if !board.said.is_empty() => (board.said.clone(), plain.fg(Color::Green)),
        (Mode::Table, None) => match board.unseen.first() {
            Some(unseen) => (format!("not all is seen: {}", shown(unseen, 120)), plain.fg(Color::Yellow)),
            None => (HELP.into(), plain.add_modifier(Modifier::DIM)),
        },
    }
}

fn table<'s>(rows: &[&'s Seen]) -> Table<'s> {
    let row = |seen: &&Seen| {
        let waiters = seen.waiters();
        let style = if waiters.is_empty() { Style::default() } else { Style::default().fg(Color::Yellow) };
        let cells =
            [seen.key(), seen.who(), seen.since(), seen.left(), waiters, kind(seen.place.kind).into(), seen.stand()];
        Row::new(cells).style(style)
    };
    // who waits stands before what is cut off first
    let widths = [
        Constraint::Min(8),
        Constraint::Fill(1),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(7),
        Constraint::Length(5),
        Constraint::Length(16),
    ];
    let head = Row::new(["KEY", "HOLDER", "SINCE", "REMAINING", "WAITING", "KIND", "STATE"]);
    Table::new(rows.iter().map(row), widths).header(head.style(Modifier::BOLD)).row_highlight_style(Modifier::REVERSED)
}

fn detail(seen: &Seen, prefix: &str) -> Vec<String> {
    let field = |name: &str, text: String| (!text.is_empty()).then(|| format!("{name:<10} {text}"));
    [
        Some(format!("{} {}  {}", kind(seen.place.kind), seen.key(), seen.stand())),
        field("holder", seen.holder.as_deref().map(|token| shown(token, 32)).unwrap_or_default()),
        field("label", seen.label.as_deref().map(|label| shown(label, 200)).unwrap_or_default()),
        field("fence", seen.fence.map(|fence| fence.to_string()).unwrap_or_default()),
        field("since", seen.since()),
        field("remaining", seen.left()),
        field("waiting", seen.waiters()),
        field("name", shown(&seen.place.name(prefix), 400)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::board::tests::{board, lock, press};
    use ratatui::{Terminal, backend::TestBackend, crossterm::event::KeyCode};

    fn screen(board: &Board, columns: u16, rows: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(frame, board)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_longest_held_stands_first_with_who_waits() {
        let mut board = board();
        let wide = screen(&board, 120, 8);
        let lines: Vec<_> = wide.lines().collect();
        assert!(lines[0].contains("3 keys of `app`, held the longest"), "{wide}");
        assert!(
            lines[2].contains("item:2") && lines[2].contains("of item:2 (aaaaaaaa)") && lines[2].contains("30 ms"),
            "{wide}"
        );
        assert!(lines[7].contains("q quit"), "{wide}");
        press(&mut board, KeyCode::Enter);
        let detail = screen(&board, 120, 12);
        assert!(detail.contains("holder     aaaa") && detail.contains("app:l:{item:2}"), "{detail}");
        press(&mut board, KeyCode::Char(' '));
        press(&mut board, KeyCode::Char('f'));
        assert!(screen(&board, 120, 8).contains("Take it: the lock `item:2`, of item:2 (aaaaaaaa)"));
        press(&mut board, KeyCode::Char('n'));
        board.see(Err("127.0.0.1:1: the store cannot be reached".into()));
        assert!(screen(&board, 120, 8).contains("cannot be reached; this was so"));
    }

    #[test]
    fn no_screen_is_too_small_and_no_label_too_wild() {
        let mut board = board();
        let wild = Seen { label: Some("\u{1b}[2J\n".repeat(1_000)), ..lock("k\u{1b}c\n", 50, 2) };
        board.see(Ok(crate::survey::Survey { seen: vec![wild], unseen: vec!["x".repeat(500)] }));
        for (columns, rows) in [(1, 1), (20, 5), (20, 1), (80, 2), (300, 3)] {
            for code in [KeyCode::Enter, KeyCode::Enter, KeyCode::Char('f'), KeyCode::Char('n')] {
                assert!(!screen(&board, columns, rows).contains('\u{1b}'));
                press(&mut board, code);
            }
        }
        assert!(screen(&board, 20, 5).contains("k\\u{1b}"), "{}", screen(&board, 20, 5));
    }
}
