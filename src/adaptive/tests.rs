//! What any controller must do, against servers whose capacity is known. The simulator has more of them; here each scenario
//! is small and its numbers are bounds with room, so that they fail when a part is missing.

mod server;

use super::*;
use server::{Kind, Run, drive};

const S: u64 = 1_000_000;

fn controller(max: u64) -> Adaptive {
    let mut adaptive = Adaptive::new(config::Adaptive::default(), max * WEIGHT_UNIT);
    adaptive.advance(CoreTime::from_micros(1_000 * S), 0);
    adaptive
}

fn slots_of(adaptive: &Adaptive) -> u64 {
    adaptive.effective_max() / WEIGHT_UNIT
}

/// A call that was and is one of five.
const fn ended(outcome: Outcome, admitted: CoreTime, latency_us: u64, first_token_us: Option<u64>) -> Ended {
    let in_flight = 5 * WEIGHT_UNIT;
    Ended { outcome, admitted, latency_us, first_token_us, output_tokens: 0, in_flight_then: in_flight, in_flight }
}

/// So many calls end, one in a tenth of a second, of ten that are in flight while others are refused.
fn feed(adaptive: &mut Adaptive, calls: u64, outcome: Outcome, latency_us: u64, first_token_us: Option<u64>) {
    for _ in 0..calls {
        let now = CoreTime::from_micros(adaptive.now as u64 + S / 10);
        adaptive.asked(true);
        adaptive.advance(now, 10 * WEIGHT_UNIT);
        adaptive.sent(10 * WEIGHT_UNIT);
        adaptive.ended(&ended(
            outcome,
            CoreTime::from_micros(now.as_micros() - latency_us),
            latency_us,
            first_token_us,
        ));
    }
}

#[test]
fn a_queue_is_kept_short_at_any_load() {
    for seed in 0..3 {
        for load in [0.7, 1.5] {
            let mut adaptive = controller(64);
            let run = drive(&mut adaptive, &Run { seed, load, ..Run::of(Kind::Queue) });
            assert!(run.good_part() > 0.9, "seed {seed} load {load}: {run:?}");
        }
    }
}

#[test]
fn overload_from_the_start_is_not_taken_for_health() {
    for seed in 0..6 {
        let mut adaptive = controller(64);
        let run = drive(&mut adaptive, &Run { seed, load: 1.5, capacity: 8.0, ..Run::of(Kind::Queue) });
        assert!(run.good_part() > 0.8, "seed {seed}: {run:?}");
    }
}

#[test]
fn a_drop_of_capacity_is_followed_and_so_is_its_return() {
    for seed in 0..3 {
        let mut adaptive = controller(64);
        let run = drive(&mut adaptive, &Run { seed, load: 1.5, drop: 4.0, ..Run::of(Kind::Queue) });
        assert!(run.good_part() > 0.88, "seed {seed}: {run:?}");
    }
}

#[test]
fn a_hidden_limit_of_calls_in_flight_costs_few_refusals() {
    for seed in 0..3 {
        let mut adaptive = controller(64);
        let run = drive(&mut adaptive, &Run { seed, load: 1.5, ..Run::of(Kind::Refusing) });
        assert!(run.good_part() > 0.93 && run.refused_part() < 0.025, "seed {seed}: {run:?}");
    }
}

#[test]
fn a_hidden_limit_of_calls_a_second_is_found() {
    for seed in 0..3 {
        let mut adaptive = controller(64);
        let run = drive(&mut adaptive, &Run { seed, load: 1.5, ..Run::of(Kind::Rate) });
        assert!(run.good_part() > 0.85 && run.refused_part() < 0.07, "seed {seed}: {run:?}");
    }
}

#[test]
fn when_nothing_is_answered_any_more_single_calls_try() {
    let (answered, given_up) = (60 * S, 90 * S);
    let mut adaptive = controller(200);
    let (mut rng, start) = (fastrand::Rng::with_seed(1), adaptive.now as u64);
    // When each call is answered, and when it was sent.
    let mut calls = alloc::collections::BTreeMap::new();
    let mut sent = [0, 0];
    for now in (start..start + given_up).step_by(S as usize / 40) {
        let at = CoreTime::from_micros(now);
        let is_answered = now < start + answered;
        while let Some(entry) = calls.first_entry().filter(|entry| is_answered && *entry.key() <= now) {
            let (end, admitted): (u64, u64) = entry.remove_entry();
            adaptive.advance(at, calls.len() as u64 * WEIGHT_UNIT);
            adaptive.ended(&ended(Outcome::Success, CoreTime::from_micros(admitted), end - admitted, None));
        }
        adaptive.asked(false);
        adaptive.advance(at, calls.len() as u64 * WEIGHT_UNIT);
        if adaptive.opens_at().is_none() {
            calls.insert(now + rng.u64(S / 2..3 * S / 2), now);
            sent[usize::from(!is_answered)] += 1;
            adaptive.sent(calls.len() as u64 * WEIGHT_UNIT);
        }
    }
    assert_eq!(sent[0], 60 * 40);
    assert!(sent[1] < 40, "{sent:?}");
}

#[test]
fn calls_that_fail_now_and_then_teach_nothing() {
    let mut adaptive = controller(64);
    let run = drive(&mut adaptive, &Run { errors: 0.1, load: 1.5, ..Run::of(Kind::Queue) });
    assert!(run.good_part() > 0.9, "{run:?}");
}

#[test]
fn streams_of_any_length_are_controlled_by_their_first_token() {
    for seed in 0..6 {
        let run = Run { seed, load: 1.5, streams: [1.0; 4], minutes: 5, ..Run::of(Kind::Queue) };
        let told = drive(&mut controller(128), &run);
        let untold = drive(&mut controller(128), &Run { tells: false, ..run });
        assert!(told.good_part() > 0.72, "seed {seed}: {told:?}");
        assert!(untold.good_part() < told.good_part() - 0.05, "seed {seed}: {untold:?}");
    }
}

#[test]
fn streams_beside_whole_answers_hide_no_overload() {
    for streams in [[0.5; 4], [0.0, 0.8, 0.2, 0.2], [0.8, 0.0, 0.8, 0.2], [0.02, 0.02, 1.0, 1.0]] {
        for seed in 0..3 {
            let run = Run { seed, load: 1.5, drop: 4.0, streams, minutes: 5, ..Run::of(Kind::Queue) };
            let told = drive(&mut controller(128), &run);
            assert!(told.good_part() > 0.68, "seed {seed} {streams:?}: {told:?}");
            let untold = drive(&mut controller(128), &Run { tells: false, ..run });
            assert!(untold.good_part() < told.good_part(), "seed {seed} {streams:?}: {untold:?}");
        }
    }
}

#[test]
fn another_part_of_streams_is_neither_load_nor_relief() {
    let run = Run { load: 0.1, capacity: 400.0, minutes: 2, even: true, ..Run::of(Kind::Queue) };
    for streams in [[0.0, 0.8, 0.2, 0.2], [1.0, 0.0, 1.0, 0.2], [0.5; 4]] {
        let run = Run { streams, ..run.clone() };
        assert_eq!(drive(&mut controller(128), &run).limits, (128, 128), "{streams:?}");
    }
    // With more demand than there may be: as without streams, which are looked at once with half of the calls.
    let whole = drive(&mut controller(20), &run).limits;
    let mixed = drive(&mut controller(20), &Run { streams: [0.0, 0.8, 0.2, 0.2], ..run });
    assert_eq!(mixed.limits, whole);
}

#[test]
fn calls_whose_tokens_are_known_beside_others_are_neither_load_nor_relief() {
    for streams in [[0.5; 4], [0.0, 0.8, 0.2, 0.2]] {
        let run = Run { streams, minutes: 5, counts: true, ..Run::of(Kind::Queue) };
        for (load, least) in [(0.7, 0.85), (1.5, 0.7)] {
            let mixed = drive(&mut controller(128), &Run { load, ..run.clone() });
            assert!(mixed.good_part() > least, "load {load} {streams:?}: {mixed:?}");
        }
    }
}

#[test]
fn the_first_call_need_not_be_of_the_kind_of_the_others() {
    let mut adaptive = controller(20);
    feed(&mut adaptive, 2, Outcome::Success, S / 1_000, None);
    feed(&mut adaptive, 600, Outcome::Success, S / 5, Some(S / 5));
    assert_eq!(slots_of(&adaptive), 20);
    feed(&mut adaptive, 30, Outcome::Success, S / 2, Some(S / 2));
    assert!(slots_of(&adaptive) < 20);
}

#[test]
fn streams_that_time_out_before_they_begin_are_late() {
    let mut adaptive = controller(20);
    feed(&mut adaptive, 600, Outcome::Success, S, Some(S / 5));
    assert_eq!(slots_of(&adaptive), 20);
    feed(&mut adaptive, 30, Outcome::Timeout, 2 * S, None);
    assert!(slots_of(&adaptive) < 20);
}

#[test]
fn own_refusals_do_not_lower_it_while_calls_end_in_healthy_time() {
    let mut adaptive = controller(20);
    let run = drive(&mut adaptive, &Run { capacity: 1_000.0, load: 0.2, ..Run::of(Kind::Queue) });
    assert!(run.asked_in_vain > 1_000, "{run:?}");
    assert_eq!(slots_of(&adaptive), 20);
}

#[test]
fn refusals_alone_lower_it_by_a_step_an_interval_and_silence_restores_it() {
    let mut adaptive = controller(20);
    let mut now = CoreTime::from_micros(1_000 * S);
    let mut interval = |adaptive: &mut Adaptive| {
        (0..10).for_each(|_| adaptive.asked(true));
        now = now.plus(5 * S);
        adaptive.advance(now, 20 * WEIGHT_UNIT);
        now
    };
    interval(&mut adaptive);
    assert_eq!(slots_of(&adaptive), 19);
    let last = interval(&mut adaptive);
    assert_eq!(slots_of(&adaptive), 18);
    adaptive.advance(last.plus(600 * S), 0);
    assert_eq!(slots_of(&adaptive), 20);
}

#[test]
fn an_outage_teaches_nothing() {
    let start = CoreTime::from_micros(1_000 * S);
    for (outcome, latency_us) in [(Outcome::Refused, 50_000), (Outcome::Timeout, 30 * S)] {
        let mut adaptive = controller(20);
        adaptive.fails();
        let before = slots_of(&adaptive);
        adaptive.ended(&ended(Outcome::Refused, start, 50_000, None));
        assert!(slots_of(&adaptive) < before);
        adaptive.goes_down();
        assert_eq!(slots_of(&adaptive), before, "what the failures taught is taken back");
        for second in 1..60 {
            adaptive.advance(start.plus(second * S), 5 * WEIGHT_UNIT);
            adaptive.ended(&ended(outcome, start, latency_us, None));
        }
        assert_eq!(slots_of(&adaptive), before, "what was sent before says nothing");
        adaptive.comes_back(0);
        assert_eq!((slots_of(&adaptive), adaptive.opens_at()), (before, None));
        let later = start.plus(61 * S);
        adaptive.advance(later, 5 * WEIGHT_UNIT);
        adaptive.ended(&ended(Outcome::Refused, later, 50_000, None));
        assert_eq!(slots_of(&adaptive), 5, "what is sent later does");
    }
}

#[test]
fn it_is_never_outside_its_bounds_and_images_go_on_alike() {
    let kinds = [Kind::Queue, Kind::Refusing, Kind::Rate];
    for (seed, kind) in (0..).zip(kinds) {
        let min_concurrency = 3 * WEIGHT_UNIT;
        let config = config::Adaptive { min_concurrency, ..config::Adaptive::default() };
        let mut adaptive = Adaptive::new(config, 50 * WEIGHT_UNIT);
        adaptive.advance(CoreTime::from_micros(1_000 * S), 0);
        let run = Run { seed, load: 1.5, capacity: 8.0, drop: 8.0, save: true, ..Run::of(kind) };
        let outcome = drive(&mut adaptive, &run);
        assert!(outcome.limits.0 >= 3 && outcome.limits.1 <= 50, "{outcome:?}");
    }
}
