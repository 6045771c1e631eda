//! Decision vectors: what a user asks and what he is told, as JSON in `vectors/`. The same files are answered here, through
//! wasm (`js/test/core/vectors.test.ts`), and by every store. `UPDATE_VECTORS=1 cargo test --test vectors` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use fastrand::Rng;
use serde_json::{Value as Json, json};
use throttleai::{
    ActorHandle, Config, Decision, Governor, Instant, LeaseId, Outcome, Output, Priority, Released, Report, Request,
    Subject, Tokens, Value,
};

/// Name, configuration, mean step in ms, calls.
fn scenarios() -> Vec<(&'static str, Json, u64, usize)> {
    vec![
        (
            "quiet",
            json!({"concurrency": {"maxInFlight": 1}, "rate": {"requestsPerMinute": 10}, "leaseTtlMs": 30_000}),
            1_500,
            300,
        ),
        (
            "balanced",
            json!({"concurrency": {"maxInFlight": 5, "interactiveReserve": 2},
                "rate": {"requestsPerMinute": 60, "tokensPerMinute": 100_000}, "fairness": true, "leaseTtlMs": 60_000}),
            700,
            300,
        ),
        (
            "adaptive",
            json!({"concurrency": {"maxInFlight": 8}, "adaptive": {"adjustIntervalMs": 1000}, "fairness": true, "leaseTtlMs": 20_000}),
            120,
            300,
        ),
        ("outage", json!({"concurrency": {"maxInFlight": 8}, "adaptive": true, "leaseTtlMs": 20_000}), 120, 300),
        (
            "hidden",
            json!({"limits": [{"name": "calls", "metric": "requests", "window": 10_000, "hidden": true},
                {"name": "tokens", "metric": "tokens", "window": 60_000, "hidden": true, "limit": 1_000_000}], "leaseTtlMs": 20_000}),
            900,
            300,
        ),
        ("tokens", json!({"rate": {"tokensPerMinute": 20_000, "windowMs": 10_000}, "leaseTtlMs": 4_000}), 300, 300),
        (
            "shares",
            json!({"concurrency": {"maxInFlight": 6, "interactiveReserve": 1},
                "fairness": {"softCapRatio": 0.4, "starvationWindowMs": 2_000}, "leaseTtlMs": 9_000}),
            200,
            300,
        ),
        ("dense", json!({"rate": {"requestsPerMinute": 700, "windowMs": 5_000}, "leaseTtlMs": 1_000}), 5, 1_200),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn written(json: &Json) -> Value {
    match json {
        Json::Null => Value::Absent,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        Json::String(text) => Value::Text(text.clone()),
        Json::Array(items) => Value::List(items.iter().map(written).collect()),
        Json::Object(fields) => {
            Value::Fields(fields.iter().map(|(key, value)| (key.clone(), written(value))).collect())
        }
    }
}

/// A governor driven as the shell drives it: timers fire at their time, actors are known by name.
struct Shell {
    governor: Governor,
    now_ms: u64,
    actors: BTreeMap<String, ActorHandle>,
    leases: BTreeMap<String, LeaseId>,
}

impl Shell {
    fn new(config: &Json) -> Self {
        let config = Config::parse(&written(config)).expect("a valid configuration");
        let governor = Governor::new(config).expect("a valid configuration");
        Self { governor, now_ms: 100_000, actors: BTreeMap::new(), leases: BTreeMap::new() }
    }

    fn now(&self) -> Instant {
        Instant::from_millis(self.now_ms as f64)
    }

    fn advance(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        while let Some((at, _)) = self.governor.poll_timeout().filter(|(at, _)| at.as_millis_ceil() <= until) {
            self.now_ms = self.now_ms.max(at.as_millis_ceil());
            self.governor.handle_timeout(self.now());
            self.drain();
        }
        self.now_ms = until;
    }

    fn drain(&mut self) {
        while let Some(output) = self.governor.poll_output() {
            if let Output::ActorFreed(handle) = output {
                self.actors.retain(|_, known| *known != handle);
            }
        }
    }

    /// Does what a step says and returns what is expected of it.
    fn step(&mut self, step: &Json) -> Json {
        if let Some(ms) = step["advance"].as_u64() {
            self.advance(ms);
            return Json::Null;
        }
        let answer = match step["release"].as_str() {
            Some(name) => self.release(name, step),
            None => self.acquire(step),
        };
        self.drain();
        answer
    }

    fn acquire(&mut self, step: &Json) -> Json {
        let ask = &step["acquire"];
        let actor = ask["actorId"].as_str().expect("an actor");
        let number = |field: &str| ask["estimate"][field].as_f64();
        let request = Request {
            actor: self.actors.get(actor).copied(),
            priority: if ask["priority"] == "background" { Priority::Background } else { Priority::Interactive },
            weight: Request::weight_of(number("weight").unwrap_or(1.0)),
            tokens: Tokens::rounded_up(number("promptTokens").unwrap_or(0.0), number("maxOutputTokens").unwrap_or(0.0)),
            ..Request::default()
        };
        match self.governor.acquire(self.now(), &request) {
            Decision::Granted(grant) => {
                self.leases.insert(step["as"].as_str().expect("a name").into(), grant.lease);
                grant.actor.map(|handle| self.actors.insert(actor.into(), handle));
                json!({"granted": true, "expiresAt": grant.expires_at.as_millis_ceil()})
            }
            Decision::Denied(denial) => json!({
                "granted": false,
                "reason": format!("{:?}", denial.reason).to_lowercase(),
                "cause": format!("{:?}", denial.cause).to_lowercase().replace("toolarge", "too-large"),
                "retryAfterMs": denial.retry_after_ms,
                "retryAt": denial.retry_at.map(Instant::as_millis_ceil),
                // What the provider counts is not known.
                "used": (denial.subject != Subject::Provider).then(|| denial.subject.in_units(denial.used)),
                "limit": (denial.subject != Subject::Provider).then(|| denial.subject.in_units(denial.limit)),
            }),
        }
    }

    fn release(&mut self, name: &str, step: &Json) -> Json {
        let lease = self.leases.get(name).copied().expect("a lease that was granted");
        let report = &step["report"];
        let number = |value: &Json| value.as_f64().unwrap_or(f64::NAN);
        let usage = &report["usage"];
        let (report_ms, report_status) = (report["retryAfterMs"].as_u64(), report["status"].as_u64());
        let first_token_ms = report["firstTokenMs"].as_u64();
        let outcome = match report["outcome"].as_str() {
            Some("error") => Outcome::Error,
            Some("timeout") => Outcome::Timeout,
            Some("cancelled") => Outcome::Cancelled,
            _ => Outcome::Success,
        };
        let mut report = Report::of(
            outcome,
            number(&report["latencyMs"]),
            number(&usage["promptTokens"]),
            number(&usage["outputTokens"]),
        );
        report.first_token_us = first_token_ms.map(|ms| ms * 1_000);
        report.retry_after_us = report_ms.map(|ms| ms * 1_000);
        if let Some(status) = report_status {
            report.outcome = outcome.with_status(status as u16);
        }
        let released = self.governor.release(self.now(), lease, &report);
        let view = self.governor.view(self.now());
        json!({
            "ended": matches!(released, Released::Live { .. }),
            "activeLeases": view.active_leases,
            "tokenRateCount": view.tokens.map_or(0, |rate| rate.current),
        })
    }
}

fn random_steps(rng: &mut Rng, count: usize, step_ms: u64) -> Vec<Json> {
    let mut steps = Vec::new();
    for index in 0..count {
        if rng.u8(..3) == 0 {
            steps.push(json!({"advance": rng.u64(1..=step_ms * 2)}));
        }
        let mut estimate = json!({"promptTokens": rng.u64(..8_000) as f64 / 4.0, "maxOutputTokens": rng.u64(..2_000)});
        if rng.u8(..4) == 0 {
            estimate["weight"] = json!([0.5, 2.0, 3.0, 1.25, 9.0][rng.usize(..5)]);
        }
        let priority = if rng.u8(..3) == 0 { "background" } else { "interactive" };
        let ask = json!({"actorId": format!("actor-{}", rng.u8(..5)), "action": "chat", "priority": priority, "estimate": estimate});
        steps.push(json!({"acquire": ask, "as": format!("L{index}")}));
    }
    steps
}

/// Releases are put in while recording: only what was granted can be released.
fn record(name: &str, config: &Json, step_ms: u64, count: usize) -> Json {
    let mut rng = Rng::with_seed(u64::from(name.bytes().map(u32::from).sum::<u32>()));
    let mut shell = Shell::new(config);
    let (mut steps, breaks, hides) = (Vec::new(), name == "outage", name == "hidden");
    for mut step in random_steps(&mut rng, count, step_ms) {
        step["expect"] = shell.step(&step);
        steps.push(step);
        // Mostly leases that are held, sometimes any.
        let (any, some) = (rng.u8(..10) == 0, rng.u8(..5) < 3);
        let held = |lease: &LeaseId| any || shell.governor.is_live(*lease);
        let names: Vec<String> =
            shell.leases.iter().filter(|(_, lease)| held(lease)).map(|(name, _)| name.clone()).collect();
        if let Some(name) = rng.choice(&names).filter(|_| some) {
            let usage = json!({"promptTokens": rng.u64(..2_500), "outputTokens": rng.u64(..2_500)});
            let mut report = json!({"outcome": "success", "latencyMs": rng.u64(50..5_000), "usage": usage});
            // One whose limit is full every now and then.
            let full = hides && (steps.len() / 40) % 3 == 2;
            if (full || config["adaptive"].is_object()) && rng.u8(..6) == 0 {
                report["status"] = json!(429);
                if !hides && rng.bool() {
                    report["retryAfterMs"] = json!(rng.u64(..800));
                }
            }
            // A provider that is down every now and then.
            let down = breaks && (steps.len() / 90) % 2 == 1;
            if down {
                report["outcome"] = json!(["error", "timeout"][rng.usize(..2)]);
            }
            let mut step =
                if down || rng.bool() { json!({"release": name, "report": report}) } else { json!({"release": name}) };
            step["expect"] = shell.step(&step);
            steps.push(step);
        }
    }
    json!({"config": config, "steps": steps})
}

/// One step a line: a change of a decision is a change of a line.
fn to_text(vector: &Json) -> String {
    let steps = vector["steps"].as_array().expect("steps");
    let mut text = format!("{{\n\"config\": {},\n\"steps\": [\n", vector["config"]);
    for (index, step) in steps.iter().enumerate() {
        let comma = if index + 1 < steps.len() { "," } else { "" };
        writeln!(text, "{step}{comma}").expect("a string takes text");
    }
    text.push_str("]\n}\n");
    text
}

#[test]
fn vectors_are_answered_as_recorded() {
    if env::var("UPDATE_VECTORS").is_ok() {
        fs::create_dir_all(folder()).expect("a folder");
        for (name, config, step_ms, count) in scenarios() {
            fs::write(folder().join(format!("{name}.json")), to_text(&record(name, &config, step_ms, count)))
                .expect("a file");
        }
    }
    let mut answered = 0;
    for (name, ..) in scenarios() {
        let text =
            fs::read_to_string(folder().join(format!("{name}.json"))).expect("vectors/; UPDATE_VECTORS=1 writes them");
        let vector: Json = serde_json::from_str(&text).expect("JSON");
        let mut shell = Shell::new(&vector["config"]);
        for step in vector["steps"].as_array().expect("steps") {
            assert_eq!(shell.step(step), step["expect"], "{name}: {step}");
            answered += 1;
        }
    }
    println!("{answered} steps answered as recorded");
    assert!(answered > 1_000);
}
