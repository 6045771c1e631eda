//! Saved formats: what an older build has written stays readable, and what nobody has written is refused without harm. A
//! change of a format is a new version with a migration; then a new pair of files joins the old ones here.
//! `UPDATE_FORMATS=1 cargo test --test formats` writes the files of the present version where there are none.

use std::path::{Path, PathBuf};
use std::{env, fs};

use throttleai::trace::{Input, Recorder, replay};
use throttleai::{
    Adaptive, Concurrency, Config, Fairness, Governor, ImageError, Instant, LeaseId, Rate, Report, Request,
    RestoreError, Tokens,
};

fn config() -> Config {
    Config {
        concurrency: Some(Concurrency { max_in_flight: 3_000_000, interactive_reserve: 1_000_000 }),
        rate: Some(Rate { requests: Some(10), tokens: Some(1_000), window_us: 10_000_000 }),
        fairness: Some(Fairness::default()),
        adaptive: Some(Adaptive::default()),
        lease_ttl_us: 4_000_000,
        ..Config::default()
    }
}

/// A run that leaves something everywhere: leases, a tombstone, charges, actors, a used waiter's name.
fn record() -> Recorder {
    let mut recorder = Recorder::new(config()).expect("a valid configuration");
    let at = |ms: u64| Instant::from_micros(1_790_000_000_000_000 + ms * 1_000);
    let request = Request { tokens: Tokens { prompt: 40, output: 60 }, ..Request::default() };
    for ms in [0, 100, 200, 300] {
        recorder.apply(&Input::Acquire { now: at(ms), request });
    }
    recorder.apply(&Input::Enqueue { now: at(400), request, deadline: Some(at(900)) });
    let report = Report { output_tokens: Some(5), ..Report::default() };
    recorder.apply(&Input::Release { now: at(1_500), lease: LeaseId { slot: 1, generation: 0 }, report });
    recorder.apply(&Input::Timeout { now: at(4_050) });
    recorder.apply(&Input::Acquire { now: at(4_060), request });
    recorder
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(name)
}

fn stored(name: &str, written: &[u8]) -> Vec<u8> {
    if env::var("UPDATE_FORMATS").is_ok() && !file(name).exists() {
        fs::write(file(name), written).expect("a file");
    }
    fs::read(file(name)).expect("a file of tests/formats; UPDATE_FORMATS=1 writes it")
}

#[test]
fn images_of_version_1_are_read() {
    let image = record().governor().save();
    let stored = stored("image-v1.bin", &image);
    let restored = Governor::restore(config(), &stored).expect("an image of version 1");
    assert_eq!(restored.save(), image, "and go on as if they were never saved");
}

#[test]
fn traces_of_version_1_are_replayed() {
    let stored = stored("trace-v1.bin", &record().finish());
    assert_eq!(replay(&stored).expect("a trace of version 1").inputs, 8);
}

#[test]
fn other_bytes_are_refused() {
    let image = record().governor().save();
    let refused = |bytes: &[u8]| match Governor::restore(config(), bytes) {
        Err(RestoreError::Image(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(b""), ImageError::NotAnImage);
    assert_eq!(refused(b"PNG"), ImageError::NotAnImage);
    let mut newer = image.clone();
    newer[4] = 9;
    assert_eq!(refused(&newer), ImageError::Version { found: 9, supported: 1 });
    for cut in 4..image.len() {
        refused(&image[..cut]);
    }
    let mut longer = image;
    longer.push(0);
    assert_eq!(refused(&longer), ImageError::Malformed);
}

#[test]
fn a_changed_configuration_keeps_what_it_still_knows() {
    let image = record().governor().save();
    let now = Instant::from_micros(1_790_000_004_060_000);
    let other = Config { rate: Some(Rate { tokens: None, ..config().rate.expect("a rate") }), ..config() };
    let view = Governor::restore(other, &image).expect("an image").view(now);
    assert_eq!((view.requests.expect("requests").current, view.tokens), (4, None));
    assert_eq!(view.active_leases, 2);
    let longer = Config { rate: Some(Rate { window_us: 20_000_000, ..config().rate.expect("a rate") }), ..config() };
    let view = Governor::restore(longer, &image).expect("an image").view(now);
    assert_eq!(view.requests.expect("requests").current, 0, "another window is another limit");
    Governor::restore(Config::default(), &image).expect("without limits").check_invariants().expect("invariants");
}
