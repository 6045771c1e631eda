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
fn an_outage_costs_few_calls_and_ends_soon() {
    for load in [0.7, 1.5] {
        let mut adaptive = controller(64);
        let run = drive(&mut adaptive, &Run { load, outage: Some((60 * S, 120 * S)), ..Run::of(Kind::Queue) });
        assert!(run.sent_in_outage <= 60, "{run:?}");
        assert!(run.first_after_us.is_some_and(|us| us < 5 * S), "{run:?}");
        assert!(run.good_part() > 0.9, "{run:?}");
    }
}

#[test]
fn calls_that_fail_now_and_then_are_no_outage() {
    let mut adaptive = controller(64);
    let run = drive(&mut adaptive, &Run { errors: 0.1, load: 1.5, ..Run::of(Kind::Queue) });
    assert!(run.good_part() > 0.9, "{run:?}");
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
fn a_pause_that_the_provider_asks_for_is_kept_exactly() {
    for ms in [1, 500, 86_400_000] {
        let mut adaptive = controller(20);
        let now = CoreTime::from_micros(1_000 * S);
        adaptive.sent(WEIGHT_UNIT);
        let later = now.plus(1_000);
        adaptive.advance(later, WEIGHT_UNIT);
        let refused = Ended {
            outcome: Outcome::Refused,
            admitted: now,
            latency_us: 1_000,
            output_tokens: 0,
            in_flight_then: 0,
            in_flight: 0,
            retry_after_us: Some(ms * 1_000),
        };
        adaptive.ended(&refused);
        let opens = later.plus(ms * 1_000);
        assert!(
            adaptive.opens_at().is_some_and(|at| at >= opens && at.since(opens) <= 1),
            "{ms}: {:?}",
            adaptive.opens_at()
        );
        adaptive.advance(opens.plus(1), 0);
        assert_eq!(adaptive.opens_at(), None);
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
