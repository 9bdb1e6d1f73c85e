//! How often a password may be guessed, by address and by account. In memory, and bounded: who fills it loses the
//! oldest entries, not the server.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures are counted over this span.
const WINDOW: Duration = Duration::from_secs(5 * 60);
/// Failures of one address in a window before it has to wait.
const PER_ADDRESS: u32 = 20;
/// Failures of one account in a window, from wherever they come. Higher, so that a stranger does not lock out the
/// owner at once.
const PER_ACCOUNT: u32 = 40;
/// Entries that are kept.
const CAPACITY: usize = 2048;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(IpAddr),
    Account(String),
}

#[derive(Debug, Clone, Copy)]
struct Count {
    since: Instant,
    failures: u32,
}

/// Counts attempts. An attempt counts as a failure until [`Limiter::forgive`] says that it was none, so that many at once
/// are not all let through.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    counts: Mutex<HashMap<Key, Count>>,
}

impl Limiter {
    /// Notes an attempt. `Err` is how long to wait: nothing may be checked before.
    pub(crate) fn attempt(&self, address: IpAddr, account: &str, now: Instant) -> Result<(), Duration> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = [
            (address_key(address), PER_ADDRESS),
            (account_key(account), PER_ACCOUNT),
        ];
        let fresh = |count: &Count| now.saturating_duration_since(count.since) < WINDOW;
        for (key, limit) in &keys {
            if let Some(count) = counts
                .get(key)
                .filter(|count| fresh(count) && count.failures >= *limit)
            {
                return Err(WINDOW.saturating_sub(now.saturating_duration_since(count.since)));
            }
        }
        for (key, _) in keys {
            if counts.len() >= CAPACITY && !counts.contains_key(&key) {
                make_room(&mut counts, now);
            }
            let count = counts.entry(key).or_insert(Count {
                since: now,
                failures: 0,
            });
            if !fresh(count) {
                *count = Count {
                    since: now,
                    failures: 0,
                };
            }
            count.failures += 1;
        }
        Ok(())
    }

    /// The attempt was right: it does not count for its address, and nothing before it counts for its account. What the
    /// address failed at before still counts, so that nobody clears it with an account of their own.
    pub(crate) fn forgive(&self, address: IpAddr, account: &str) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&address_key(address)) {
            count.failures = count.failures.saturating_sub(1);
        }
        counts.remove(&account_key(account));
    }
}

/// A house has one IPv4 address, but 2^64 of IPv6.
fn address_key(address: IpAddr) -> Key {
    Key::Address(match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
        v4 => v4,
    })
}

fn account_key(name: &str) -> Key {
    Key::Account(name.trim().chars().take(64).collect::<String>().to_lowercase())
}

fn make_room(counts: &mut HashMap<Key, Count>, now: Instant) {
    counts.retain(|_, count| now.saturating_duration_since(count.since) < WINDOW);
    if counts.len() >= CAPACITY
        && let Some(oldest) = counts
            .iter()
            .min_by_key(|(_, count)| count.since)
            .map(|(key, _)| key.clone())
    {
        counts.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn an_address_that_keeps_failing_waits_until_the_window_is_over() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for n in 0..PER_ADDRESS {
            limiter.attempt(HOME, &format!("account{n}"), start).unwrap();
        }
        let wait = limiter
            .attempt(HOME, "ada", start + Duration::from_secs(60))
            .unwrap_err();
        assert_eq!(wait, Duration::from_secs(240));
        assert!(
            limiter.attempt("10.0.0.1".parse().unwrap(), "ada", start).is_ok(),
            "others do not wait"
        );
        assert!(limiter.attempt(HOME, "ada", start + WINDOW).is_ok());
    }

    #[test]
    fn an_account_is_guarded_against_many_addresses() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let from = |n: u32| IpAddr::from([10, 0, 0, u8::try_from(n).unwrap()]);
        for n in 0..PER_ACCOUNT {
            limiter.attempt(from(n), "Ada", start).unwrap();
        }
        assert!(limiter.attempt(from(200), " ada ", start).is_err());
        limiter.forgive(from(201), "ada");
        assert!(limiter.attempt(from(200), "ada", start).is_ok());
    }

    #[test]
    fn an_own_account_does_not_clear_an_address() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for n in 0..PER_ADDRESS - 1 {
            limiter.attempt(HOME, &format!("a{n}"), start).unwrap();
            limiter.attempt(HOME, "mine", start).unwrap();
            limiter.forgive(HOME, "mine");
        }
        limiter.attempt(HOME, "victim", start).unwrap();
        assert!(limiter.attempt(HOME, "victim", start).is_err());
    }

    #[test]
    fn one_network_of_ipv6_is_one_address() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for n in 0..PER_ADDRESS {
            limiter
                .attempt(
                    format!("2001:db8::{n:x}").parse().unwrap(),
                    &format!("a{n}"),
                    start,
                )
                .unwrap();
        }
        assert!(
            limiter
                .attempt("2001:db8::ffff".parse().unwrap(), "x", start)
                .is_err()
        );
        assert!(
            limiter
                .attempt("2001:db8:0:1::1".parse().unwrap(), "x", start)
                .is_ok()
        );
    }

    #[test]
    fn a_flood_of_names_does_not_grow_it() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        for n in 0..5_000_u32 {
            let _ = limiter.attempt(IpAddr::from(n.to_be_bytes()), &format!("a{n}"), start);
        }
        assert!(limiter.counts.lock().unwrap().len() <= CAPACITY);
    }
}
