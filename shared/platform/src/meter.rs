//! Counts what a request costs: calls to the store, and password hashes.
//!
//! A trip is a wait: calls that run at the same time are one trip. Work that runs beside something slower on purpose (the
//! password hash) is counted apart, because no request waits for it.

use std::cell::RefCell;
use std::future::Future;

/// What one request cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Waits for the store, one after the other.
    pub trips: u32,
    /// Calls that ran beside slower work.
    pub beside: u32,
    /// Names of the operations, in the order they began.
    pub calls: Vec<&'static str>,
    /// Password hashes that were computed.
    pub hashes: u32,
    /// Items that could not be read and were left out: table and key, never what they hold.
    pub unreadable: Vec<String>,
}

#[derive(Default)]
struct Meter {
    cost: Cost,
    under_way: u32,
    beside: bool,
}

tokio::task_local! {
    static METER: RefCell<Meter>;
}

/// Runs a request and says what it cost.
pub async fn measured<T>(request: impl Future<Output = T>) -> (T, Cost) {
    METER
        .scope(RefCell::default(), async {
            let out = request.await;
            (out, METER.with(|m| m.borrow().cost.clone()))
        })
        .await
}

/// Counts password hashes.
pub fn hashed(count: u32) {
    // Outside a request nothing is counted.
    let _ = METER.try_with(|m| m.borrow_mut().cost.hashes += count);
}

/// Most items that are named; where so many are broken, more names say nothing more.
const MOST_NAMED: usize = 20;

/// Says that an item could not be read and is left out: a table, and a key that holds ids alone.
pub fn unreadable(table: &'static str, key: &str) {
    let _ = METER.try_with(|m| {
        let named = &mut m.borrow_mut().cost.unreadable;
        if named.len() < MOST_NAMED {
            named.push(format!("{table} {key}"));
        }
    });
}

/// Marks the calls inside as running beside slower work.
pub async fn beside<T>(work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    // The mark is set only while this future is polled, so that a neighbour polled in turn is counted as what it is.
    std::future::poll_fn(|cx| {
        let before = mark(true);
        let out = work.as_mut().poll(cx);
        mark(before);
        out
    })
    .await
}

fn mark(beside: bool) -> bool {
    METER.try_with(|m| std::mem::replace(&mut m.borrow_mut().beside, beside)).unwrap_or(false)
}

/// Counts one call around `work`.
pub async fn call<T>(name: &'static str, work: impl Future<Output = T>) -> T {
    let counted = METER
        .try_with(|m| {
            let mut m = m.borrow_mut();
            m.cost.calls.push(name);
            if m.beside {
                m.cost.beside += 1;
                return false;
            }
            if m.under_way == 0 {
                m.cost.trips += 1;
            }
            m.under_way += 1;
            true
        })
        .unwrap_or(false);
    // The SDK's futures are tens of kilobytes; on the heap they do not add up along the chain of callers.
    let out = Box::pin(work).await;
    if counted {
        let _ = METER.try_with(|m| m.borrow_mut().under_way -= 1);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn slow() {
        tokio::task::yield_now().await;
    }

    #[tokio::test]
    async fn simultaneous_calls_are_one_trip() {
        let ((), cost) = measured(async {
            call("a", slow()).await;
            tokio::join!(call("b", slow()), call("c", slow()));
            tokio::join!(beside(call("d", slow())), call("e", slow()));
        })
        .await;
        assert_eq!((cost.trips, cost.beside), (3, 1));
        assert_eq!(cost.calls, ["a", "b", "c", "d", "e"]);
    }

    #[tokio::test]
    async fn outside_a_request_nothing_is_counted() {
        call("a", slow()).await;
        beside(call("b", slow())).await;
    }
}
