//! Gates by example, and beside a provider that is down.

use alloc::collections::BTreeMap;

use super::*;

const S: u64 = 1_000_000;
const MS: u64 = 1_000;

fn at(us: u64) -> CoreTime {
    CoreTime::from_micros(us)
}

fn shut(gates: &mut Gates, now: u64) -> Option<Shut> {
    gates.advance(at(now));
    gates.shut(1).map(|(shut, _)| shut)
}

fn refused(gates: &mut Gates, now: u64, until: Option<u64>, admitted: u64) -> bool {
    let refusal = Refusal { terminal: false, until: until.map(at), admitted: Some(at(admitted)), live: 0 };
    gates.refused(at(now), 1, &refusal) == Change::Refuses
}

/// The lease at a slot ends and its report is taken in.
fn end(gates: &mut Gates, now: u64, slot: u32, admitted: u64, outcome: Outcome, until: Option<u64>) -> Change {
    gates.ended(slot, at(admitted));
    let (admitted, until) = (at(admitted), until.map(at));
    gates.reported(at(now), &Reported { slot, admitted, outcome, until, live: 0 })
}

#[test]
fn a_gate_that_closed_for_a_refusal_lets_one_more_go_with_each_success() {
    let mut gates = Gates::default();
    (0..16).for_each(|slot| gates.sent(at(S), 1, slot));
    assert!(refused(&mut gates, 2 * S, Some(5 * S), S));
    assert_eq!(shut(&mut gates, 5 * S - 1), Some(Shut::Until(at(5 * S))));
    assert_eq!(gates.answered(at(3 * S), 1, Some(at(S)), true), Change::Nothing, "sent before it closed");
    let mut waves = Vec::new();
    for now in (5..11).map(|second| second * S) {
        let mut sent = 0;
        while shut(&mut gates, now).is_none() && sent < 100 {
            gates.sent(at(now), 1, 100 + sent);
            sent += 1;
        }
        waves.push(sent);
        for slot in 100..100 + sent {
            end(&mut gates, now + S, slot, now, Outcome::Success, None);
        }
    }
    assert_eq!(waves, [1, 2, 4, 8, 16, 100], "until there are as many as when it closed");
}

#[test]
fn an_instant_that_is_past_names_no_pause() {
    let mut gates = Gates::default();
    (0..16).for_each(|slot| gates.sent(at(S), 1, slot));
    assert!(refused(&mut gates, 2 * S, Some(2 * S), S));
    assert_eq!(shut(&mut gates, 2 * S), Some(Shut::Until(at(3 * S))), "for a second, as where none is named");
    assert_eq!(shut(&mut gates, 3 * S), None);
    gates.sent(at(3 * S), 1, 100);
    assert_eq!(shut(&mut gates, 3 * S), Some(Shut::Opening), "one goes out");
    assert!(refused(&mut gates, 4 * S, Some(S), 3 * S));
    assert_eq!(shut(&mut gates, 4 * S), Some(Shut::Until(at(6 * S))), "then for two");
}

#[test]
fn unnamed_pauses_double_by_news_only() {
    let mut gates = Gates::default();
    gates.sent(at(0), 1, 0);
    assert!(refused(&mut gates, S, None, 0));
    assert!(!refused(&mut gates, S, None, 0), "sent before: no news");
    assert_eq!(shut(&mut gates, S), Some(Shut::Until(at(2 * S))));
    gates.sent(at(2 * S), 1, 1);
    assert!(refused(&mut gates, 2 * S + 5, None, 2 * S));
    assert_eq!(shut(&mut gates, 3 * S), Some(Shut::Until(at(4 * S + 5))));
}

#[test]
fn a_terminal_gate_opens_when_somebody_acts() {
    let mut gates = Gates::default();
    gates.sent(at(0), 1, 0);
    let refusal = Refusal { terminal: true, until: None, admitted: Some(at(0)), live: 0 };
    assert_eq!(gates.refused(at(S), 1, &refusal), Change::Refuses);
    assert_eq!(gates.refused(at(S), 1, &refusal), Change::Nothing, "once is enough");
    gates.advance(at(u64::MAX >> 2));
    assert_eq!(gates.shut(1), Some((Shut::Never, Cause::Circuit)));
    assert_eq!(gates.answered(at(2 * S), 1, Some(at(0)), true), Change::Nothing);
    assert_eq!(gates.answered(at(3 * S), 1, None, true), Change::Opened, "who tried without a lease knows");
    assert_eq!(shut(&mut gates, 3 * S), None);
    assert_eq!(gates.refused(at(4 * S), 1, &Refusal { admitted: None, ..refusal }), Change::Refuses);
    assert!(gates.open(at(5 * S), 1));
    assert_eq!(shut(&mut gates, 5 * S), None);
}

#[test]
fn probing_sends_one_until_it_is_answered() {
    for (well, by_report) in [(true, false), (false, false), (true, true)] {
        let mut gates = Gates::new(true, false);
        assert_eq!(shut(&mut gates, 0), None);
        gates.sent(at(0), 1, 0);
        assert_eq!(shut(&mut gates, 0), Some(Shut::Opening));
        if by_report {
            assert_eq!(end(&mut gates, S, 0, 0, Outcome::Success, None), Change::Nothing, "no answer was shown");
            gates.sent(at(S), 1, 1);
            assert_eq!(shut(&mut gates, S), Some(Shut::Opening));
        } else {
            assert_eq!(gates.answered(at(S), 1, Some(at(0)), well), Change::Opened);
            assert_eq!(shut(&mut gates, S), None);
        }
    }
}

#[test]
fn calls_without_a_family_have_a_gate_once_it_is_needed() {
    for watches in [false, true] {
        let mut gates = Gates::new(false, watches);
        (0..8).for_each(|slot| gates.sent(at(0), 0, slot));
        (0..7).for_each(|slot| {
            end(&mut gates, S, slot, 0, Outcome::Error, None);
        });
        gates.sent(at(S), 0, 0);
        assert_eq!(gates.shut(0), None, "seven failures are not many");
        let closed = end(&mut gates, S, 7, 0, Outcome::Error, None);
        assert_eq!(closed, if watches { Change::Closed } else { Change::Nothing }, "nobody asked for it");
        gates.advance(at(S));
        assert_eq!(gates.shut(0).map(|(_, cause)| cause), watches.then_some(Cause::Circuit));

        gates.sent(at(2 * S), 0, 1);
        assert_eq!(end(&mut gates, 3 * S, 1, 2 * S, Outcome::Refused, Some(9 * S)), Change::Refuses);
        assert_eq!(
            gates.shut(0),
            Some((Shut::Until(at(9 * S)), Cause::Cooldown)),
            "the provider has named the instant"
        );
        assert_eq!(gates.shut(1), None);
    }
}

#[test]
fn a_refusal_without_an_instant_is_a_failure_and_no_pause() {
    let mut gates = Gates::new(false, true);
    gates.sent(at(0), 1, 0);
    assert_eq!(end(&mut gates, S, 0, 0, Outcome::Refused, None), Change::Failing);
    assert_eq!(shut(&mut gates, S), None);
    gates.sent(at(S), 1, 0);
    end(&mut gates, 2 * S, 0, S, Outcome::Success, None);
    for turn in 0..8 {
        assert_eq!(shut(&mut gates, (3 + turn) * S), None, "{turn}");
        gates.sent(at((3 + turn) * S), 1, 0);
        end(&mut gates, (4 + turn) * S, 0, (3 + turn) * S, Outcome::Refused, None);
    }
    assert_eq!(shut(&mut gates, 11 * S), Some(Shut::Until(at(11 * S + 250 * MS))));
}

#[test]
fn what_was_observed_and_is_released_counts_once() {
    let mut gates = Gates::new(false, true);
    for slot in 0..20 {
        gates.sent(at(0), 1, slot);
    }
    assert!(refused(&mut gates, S, None, 0));
    gates.note_told(0, true);
    assert_eq!(gates.family_of(0), 1);
    assert_eq!(end(&mut gates, S, 0, 0, Outcome::Refused, Some(60 * S)), Change::Nothing, "told by the answer");
    gates.sent(at(2 * S), 1, 0);
    assert_eq!(gates.answered(at(3 * S), 1, Some(at(2 * S)), true), Change::Opening);
    gates.note_told(0, false);
    gates.sent(at(3 * S), 1, 30);
    assert_eq!(end(&mut gates, 3 * S, 0, 2 * S, Outcome::Success, None), Change::Nothing);
    gates.sent(at(3 * S), 1, 31);
    assert_eq!(shut(&mut gates, 3 * S), Some(Shut::Opening), "two, not one more");
    gates.note_told(30, false);
    assert_eq!(end(&mut gates, 3 * S, 30, 3 * S, Outcome::Timeout, None), Change::Nothing);
    assert_eq!(
        end(&mut gates, 3 * S, 31, 3 * S, Outcome::Error, None),
        Change::Closed,
        "a body that broke off is told by its end"
    );
}

/// A client that asks at random and a server that answers after about a second, but for a part that fails, and a minute in which
/// all do: (sent in the minute, the first answer after it, answered part of the rest).
fn minute(seed: u64, fails_after: u64, outcome: Outcome, errors: f64) -> (usize, u64, f64) {
    const DOWN: core::ops::Range<u64> = 60 * S..120 * S;
    const SLOTS: usize = 40;
    let (mut rng, mut gates) = (fastrand::Rng::with_seed(seed), Gates::new(false, true));
    let mut ends: BTreeMap<(u64, u32), (u64, Outcome)> = BTreeMap::new();
    let (mut next, mut slot, mut sent, mut back, mut asked, mut good) = (0, 0, 0, None, 0.0, 0.0);
    while next < 240 * S {
        while let Some(entry) = ends.first_entry().filter(|entry| entry.key().0 <= next) {
            let ((now, slot), (admitted, outcome)) = entry.remove_entry();
            end(&mut gates, now, slot, admitted, outcome, None);
            if outcome == Outcome::Success && admitted >= DOWN.end {
                back = back.or(Some(now - DOWN.end));
            }
        }
        let down = DOWN.contains(&next);
        asked += if down { 0.0 } else { 1.0 };
        if shut(&mut gates, next).is_none() && ends.len() < SLOTS {
            slot += 1;
            gates.sent(at(next), 1, slot);
            sent += usize::from(down);
            let service = rng.u64(S / 4..7 * S / 4);
            let end = if down { (next + fails_after, outcome) } else { (next + service, Outcome::Success) };
            let end = if !down && rng.f64() < errors { (end.0, Outcome::Error) } else { end };
            good += if !down { 1.0 } else { 0.0 };
            ends.insert((end.0, slot), (next, end.1));
        }
        next += 1 + (-(1.0 - rng.f64()).ln() * S as f64 / 28.0) as u64;
    }
    (sent, back.unwrap(), good / asked)
}

#[test]
fn an_outage_costs_few_calls_and_ends_soon() {
    for seed in 0..10 {
        let (sent, back, part) = minute(seed, 50 * MS, Outcome::Error, 0.0);
        assert!(sent <= 60 && back < 5 * S && part > 0.95, "{seed}: {sent} sent, back in {back} us, {part}");
        // All that may be in flight hangs before anybody can know.
        let (sent, back, part) = minute(seed, 30 * S, Outcome::Timeout, 0.0);
        assert!(sent <= 50 && back < 35 * S && part > 0.7, "{seed}: {sent} sent, back in {back} us, {part}");
    }
}

#[test]
fn calls_that_fail_now_and_then_are_no_outage() {
    for seed in 0..10 {
        let (_, _, part) = minute(seed, 50 * MS, Outcome::Error, 0.1);
        assert!(part > 0.93, "{seed}: {part}");
    }
}

#[test]
fn what_was_saved_goes_on() {
    let mut gates = Gates::new(false, true);
    (0..4).for_each(|slot| gates.sent(at(0), slot % 2, slot));
    gates.note_told(1, false);
    end(&mut gates, S, 2, 0, Outcome::Error, None);
    assert!(refused(&mut gates, S, Some(9 * S), 0));
    let mut w = Writer::default();
    gates.write(&mut w);
    let (bytes, mut again) = (w.into_bytes(), Gates::new(false, true));
    let mut r = Reader::new(&bytes);
    again.restore(&mut r);
    [0, 1, 3].into_iter().for_each(|slot| again.hold_again(slot, at(0)));
    assert!(r.end().is_ok());
    assert_eq!((again.named(1), again.shared, again.list), (gates.named(1), gates.shared, gates.list));
}
