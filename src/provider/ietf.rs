//! Decides which limits the IETF's `RateLimit` fields name; how they are written is in `fields`.
//!
//! A policy is a limit of its own: its name is the pool, unless it is the usual `default`; the unit of its quota is the metric.
//! Of policies without a name the one with the limit that is told is the one that is told of.

use alloc::vec::Vec;

use super::answer::{Headers, Notes, Reason, sensible, single};
use super::dialect::{Source, Window};
use super::fields::{Member, members};
use super::meters::{Entries, Entry, in_range};
use super::moment::{self, Clocks, Format};
use super::number::scaled;

const POLICY: &str = "ratelimit-policy";
const CURRENT: &str = "ratelimit";
const LIMIT: &str = "ratelimit-limit";
const REMAINING: &str = "ratelimit-remaining";
const RESET: &str = "ratelimit-reset";

/// All of them.
pub(super) const NAMES: [&str; 5] = [POLICY, CURRENT, LIMIT, REMAINING, RESET];

/// A quota and its window.
struct Policy<'a> {
    name: &'a str,
    quota: &'a str,
    window: Window,
    metric: &'a str,
    header: &'static str,
}

impl<'a> Policy<'a> {
    fn of(member: &Member<'a>, header: &'static str) -> Self {
        let seconds = member.param("w").and_then(|seconds| scaled(seconds, 3));
        let window = seconds.and_then(|millis| in_range(millis.floor).ok()).map_or(Window::Unknown, Window::Millis);
        // Until draft 07 the quota was the item itself.
        let (name, quota) = member.param("q").map_or(("", member.head), |quota| (member.head, quota));
        Self { name, quota, window, metric: member.param("qu").unwrap_or("requests"), header }
    }

    fn entry<'e>(&self, entries: &'e mut Entries) -> Option<&'e mut Entry> {
        entries.of(self.metric, self.window, if self.name == "default" { "" } else { self.name })
    }
}

/// Notes a part that was not understood.
fn note(notes: &mut Notes, header: &'static str, value: &str, heard: Result<(), Reason>) -> bool {
    heard.inspect_err(|reason| notes.ignore(Source::Header(header), value, *reason)).is_ok()
}

pub(super) fn read(headers: &Headers<'_>, clocks: &Clocks, entries: &mut Entries, notes: &mut Notes) {
    let mut list = |header: &'static str| -> Vec<Member<'_>> {
        let Some(value) = headers.get(header) else { return Vec::new() };
        let read = sensible(value).and_then(|value| members(value).ok_or(Reason::Format));
        note(notes, header, value, read.as_ref().map(|_| ()).map_err(|reason| *reason));
        read.unwrap_or_default()
    };
    let limit = list(LIMIT);
    let mut policies: Vec<_> = list(POLICY).iter().map(|member| Policy::of(member, POLICY)).collect();
    policies.extend(limit.iter().skip(1).map(|member| Policy::of(member, LIMIT)));
    let current = list(CURRENT);

    for policy in &policies {
        let Some(entry) = policy.entry(entries) else { continue };
        if note(notes, policy.header, policy.quota, entry.hear_policy(policy.quota)) {
            entry.said_by(policy.header);
        }
    }
    for member in current.iter().filter(|member| member.param("r").is_some()) {
        let named = policies.iter().find(|policy| policy.name == member.head);
        let alone =
            Policy { name: member.head, quota: "", window: Window::Unknown, metric: "requests", header: CURRENT };
        let Some(entry) = named.unwrap_or(&alone).entry(entries) else { continue };
        hear(entry, CURRENT, [None, member.param("r"), member.param("t")], clocks, notes);
    }
    // Until draft 07: one limit, in one field or in three.
    let of_dictionary = |key: &str| current.iter().find(|member| member.head == key).map(|member| member.value);
    let parts = ["limit", "remaining", "reset"].map(of_dictionary);
    let alone = [limit.first().map(|member| member.head), headers.get(REMAINING), headers.get(RESET)];
    for (header, parts) in [(CURRENT, parts), (LIMIT, alone)] {
        if parts.iter().all(Option::is_none) {
            continue;
        }
        let named = policies.iter().find(|policy| policy.name.is_empty() && Some(policy.quota) == parts[0]);
        let Some(entry) = entries.of("requests", named.map_or(Window::Unknown, |policy| policy.window), "") else {
            continue;
        };
        hear(entry, header, parts, clocks, notes);
    }
}

/// Limit, what remains, and seconds until the reset.
fn hear(entry: &mut Entry, header: &'static str, parts: [Option<&str>; 3], clocks: &Clocks, notes: &mut Notes) {
    let headers = if header == LIMIT { [LIMIT, REMAINING, RESET] } else { [header; 3] };
    for (index, (part, header)) in parts.into_iter().zip(headers).enumerate() {
        let Some(value) = part else { continue };
        let said = single(value);
        let heard = sensible(said).and_then(|said| match index {
            0 => entry.hear_limit(said),
            1 => entry.hear_remaining(said),
            _ => moment::read(said, Format::SECONDS, clocks).map_err(Reason::from).and_then(|at| entry.hear_reset(at)),
        });
        if note(notes, header, value, heard) {
            entry.said_by(header);
        }
    }
}
