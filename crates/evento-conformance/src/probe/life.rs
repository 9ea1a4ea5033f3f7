//! S06, S12 to S15: deadlines, instances, the end of a process, carriers, and noise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::model::{noted, number};
use super::{codec, command, decide, expect, steps};
use crate::answer::Answer;
use crate::generate::Chance;
use crate::raw;
use crate::report::Findings;
use crate::start::{Launch, Started, free_port, own_memory};
use crate::subject::{Mode, Subject};
use crate::wire::{Version, Wire};

/// How long the probe sleeps, and the deadline it is given.
const SLEEP: Duration = Duration::from_millis(700);
const DEADLINE: Duration = Duration::from_millis(200);
/// Memory that a process may take more after noise.
const GROWTH_MAX: u64 = 64 << 20;
/// How long noise is made, and after which part of it memory is first looked at.
const NOISE: Duration = Duration::from_secs(10);
const SETTLED: Duration = Duration::from_secs(3);

/// That a small command is answered as ever.
async fn works(subject: &Subject, mode: Mode) -> Result<(), String> {
    let call = command(subject, "EmitMany", number(1), None)?;
    expect(&call, decide(subject, mode, &call).await?, &[("Noted", noted(0, "note 0"))])
}

pub(crate) async fn s06(subject: &Subject, out: &mut Findings) {
    for mode in subject.modes.clone() {
        let came = async {
            let call = command(subject, "Sleep", number(SLEEP.as_millis() as i64), None)?;
            let ask = match mode {
                Mode::Plain => subject.plain_ask(&call),
                Mode::Run => {
                    let work = vec![subject.work(&call, evento_function::Want::Each)?];
                    subject.run_ask(&evento_function::RunRequest { entity: call.entity.clone(), work })
                }
            };
            let ask = ask.with("evento-timeout-ms", &DEADLINE.as_millis().to_string());
            raw::silent(&subject.wire, &ask, SLEEP + Duration::from_millis(800)).await
        };
        let case = format!("{mode}: Sleep of {} ms with {} ms of time", SLEEP.as_millis(), DEADLINE.as_millis());
        out.check(case, came.await);
        out.check(format!("{mode}: the next call"), works(subject, mode).await);
        // Within its time, a sleep is answered.
        let came = async {
            let call = command(subject, "Sleep", number(10), None)?;
            expect(&call, decide(subject, mode, &call).await?, &[("Noted", noted(10, "slept"))])
        };
        out.check(format!("{mode}: Sleep of 10 ms"), came.await);
    }
}

pub(crate) async fn s12(subject: &Subject, out: &mut Findings) {
    let Some(own) = &subject.instance else { return out.skip("nothing is known of its instance") };
    for mode in subject.modes.clone() {
        for (given, wanted) in [(format!("{own}x"), 409), (own.clone(), 200)] {
            let came = async {
                let call = command(subject, "EmitMany", number(1), None)?;
                let ask = match mode {
                    Mode::Plain => subject.plain_ask(&call),
                    Mode::Run => {
                        let work = vec![subject.work(&call, evento_function::Want::Each)?];
                        subject.run_ask(&evento_function::RunRequest { entity: call.entity.clone(), work })
                    }
                };
                let reply = subject.wire.ask(&ask.with("evento-instance", &given), subject.timeout).await?;
                if reply.status == wanted { Ok(()) } else { Err(format!("status {}, not {wanted}", reply.status)) }
            };
            out.check(format!("{mode}: Evento-Instance {given}, started as {own}"), came.await);
        }
    }
}

pub(crate) async fn s13(subject: &Subject, launch: &Launch, out: &mut Findings) {
    out.check("SIGTERM under load", under_load(subject, launch).await);
    out.check("SIGTERM while one call sleeps", in_flight(subject, launch).await);
}

/// Waits for the end of a process that was told to end.
async fn ends_well(mut started: Started) -> Result<(), String> {
    let begun = Instant::now();
    match started.ended(Duration::from_secs(6)).await {
        None => Err("it still runs 6 s after SIGTERM".to_owned()),
        Some(_) if begun.elapsed() > Duration::from_millis(5_500) => Err("it took more than 5 s to exit".to_owned()),
        Some(exit) if exit == "exit status: 0" => Ok(()),
        Some(exit) => Err(format!("it exited with {exit}{}", started.last_words())),
    }
}

/// Many quick calls; those that began well before SIGTERM must have been answered, and none may break off.
async fn under_load(subject: &Subject, launch: &Launch) -> Result<(), String> {
    let started = launch.start(None).await?;
    let at = Arc::new(subject.at(Wire::new(started.place.clone(), Version::H1), Some(started.instance.clone())));
    let stop = Arc::new(AtomicBool::new(false));
    let mode = at.modes[0];
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (at, stop) = (at.clone(), stop.clone());
            tokio::spawn(async move {
                let mut lost = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    if let Err(why) = works(&at, mode).await {
                        lost.push((begun, why));
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                }
                lost
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let told = Instant::now();
    started.process.terminate();
    let ended = ends_well(started).await;
    stop.store(true, Ordering::Relaxed);
    for worker in workers {
        for (begun, why) in worker.await.map_err(|error| error.to_string())? {
            if begun + Duration::from_millis(50) < told {
                return Err(format!("a call begun before SIGTERM was not answered: {why}"));
            }
            if why.contains("breaks off") {
                return Err(format!("an answer broke off: {why}"));
            }
        }
    }
    ended
}

/// One call that takes a while: its answer is waited for.
async fn in_flight(subject: &Subject, launch: &Launch) -> Result<(), String> {
    let started = launch.start(None).await?;
    let at = Arc::new(subject.at(Wire::new(started.place.clone(), Version::H1), Some(started.instance.clone())));
    let mode = at.modes[0];
    let asked = at.clone();
    let sleeping = tokio::spawn(async move {
        let call = command(&asked, "Sleep", number(600), None)?;
        asked.one(mode, &call).await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    started.process.terminate();
    let answered = sleeping.await.map_err(|error| error.to_string())?;
    match answered.map_err(|why| format!("the call in flight was lost: {why}"))? {
        Answer::Events { .. } => ends_well(started).await,
        other => Err(format!("the call in flight got {}", other.words())),
    }
}

pub(crate) async fn s14(subject: &Subject, launch: &Launch, chance: &mut Chance, out: &mut Findings) {
    let mut carriers = vec![("unix socket, HTTP/1.1", None, Version::H1), ("TCP, HTTP/1.1", Some(()), Version::H1)];
    if subject.manifest.http2 {
        carriers.extend([("unix socket, h2c", None, Version::H2), ("TCP, h2c", Some(()), Version::H2)]);
    } else {
        out.note("the manifest does not claim HTTP/2, so h2c was not tried");
    }
    for (words, tcp, version) in carriers {
        let port = match tcp.map(|()| free_port()).transpose() {
            Ok(port) => port,
            Err(why) => return out.fault(words, why),
        };
        let started = match launch.start(port).await {
            Ok(started) => started,
            Err(why) => {
                out.fault(format!("{words}: starting it"), why);
                continue;
            }
        };
        let at = subject.at(Wire::new(started.place.clone(), version), Some(started.instance.clone()));
        let mut found = Findings::default();
        codec::s01(&at, &mut found).await;
        steps::s02(&at, &mut found).await;
        steps::s03(&at, &mut found).await;
        steps::s04(&at, &mut found).await;
        steps::s05(&at, &mut found).await;
        steps::s07(&at, &mut found).await;
        codec::s08(&at, chance, &mut found).await;
        if at.has(Mode::Run) {
            steps::s09(&at, &mut found).await;
        }
        out.checks += found.checks;
        found.faults.into_iter().for_each(|fault| out.fault(format!("{words}: {}", fault.case), fault.came));
        started.process.stop().await;
    }
}

pub(crate) async fn s15(subject: &Subject, launch: &Launch, chance: &mut Chance, out: &mut Findings) {
    let mut started = match launch.start(None).await {
        Ok(started) => started,
        Err(why) => return out.fault("starting it", why),
    };
    let at = Arc::new(subject.at(Wire::new(started.place.clone(), Version::H1), Some(started.instance.clone())));
    let noisy = Noisy::begin(&at, chance);
    tokio::time::sleep(SETTLED).await;
    let before = started.memory();
    let ended = started.ended(NOISE - SETTLED).await;
    noisy.end(out).await;
    if let Some(exit) = ended {
        return out.fault("10 s of random bytes", format!("it ended: {exit}{}", started.last_words()));
    }
    after_noise(&at, before.zip(started.memory()), "memory of its process group", out).await;
    started.process.stop().await;
}

/// The same in this process, whose memory is then looked at.
pub(crate) async fn s15_module(subject: &Arc<Subject>, chance: &mut Chance, out: &mut Findings) {
    let noisy = Noisy::begin(subject, chance);
    tokio::time::sleep(SETTLED).await;
    let before = own_memory();
    tokio::time::sleep(NOISE - SETTLED).await;
    noisy.end(out).await;
    after_noise(subject, before.zip(own_memory()), "memory of the host", out).await;
}

/// That it works as ever, in about the memory it had.
async fn after_noise(subject: &Subject, memory: Option<(u64, u64)>, whose: &str, out: &mut Findings) {
    for mode in subject.modes.clone() {
        out.check(format!("{mode}: the next call"), works(subject, mode).await);
    }
    let Some((before, after)) = memory else { return out.note("its memory cannot be seen on this system") };
    let grown = after.saturating_sub(before);
    let came = format!("{} MiB after 3 s, {} MiB after 10 s", before >> 20, after >> 20);
    out.check(whose, if grown <= GROWTH_MAX { Ok(()) } else { Err(came) });
}

/// Those who make noise until they are ended.
struct Noisy {
    stop: Arc<AtomicBool>,
    workers: Vec<tokio::task::JoinHandle<u32>>,
}

impl Noisy {
    fn begin(subject: &Arc<Subject>, chance: &mut Chance) -> Noisy {
        let stop = Arc::new(AtomicBool::new(false));
        let worker = |_| tokio::spawn(noise(subject.clone(), stop.clone(), Chance::new(chance.next())));
        Noisy { workers: (0..4).map(worker).collect(), stop: stop.clone() }
    }

    async fn end(self, out: &mut Findings) {
        self.stop.store(true, Ordering::Relaxed);
        for worker in self.workers {
            out.checks += worker.await.unwrap_or_default();
        }
    }
}

/// Random bytes as whole connections, as heads and as bodies; how many requests were made.
async fn noise(subject: Arc<Subject>, stop: Arc<AtomicBool>, mut chance: Chance) -> u32 {
    let mut made = 0;
    while !stop.load(Ordering::Relaxed) {
        let length = chance.below(4_096) as usize;
        let body = chance.bytes(length);
        let Ok(call) = command(&subject, "Echo", body, None) else { return made };
        let ask = match if subject.is_module() { 2 } else { chance.below(4) } {
            0 => None,
            1 => Some(subject.plain_ask(&call)),
            2 => Some(subject.common(crate::wire::Ask::post(
                "/run".to_owned(),
                evento_function::envelope::RUN_TYPE,
                call.payload.clone(),
            ))),
            _ => {
                let path: String = call.payload.iter().take(40).map(|byte| format!("%{byte:02x}")).collect();
                Some(subject.common(crate::wire::Ask::post(format!("/{path}"), "avro/binary", call.payload.clone())))
            }
        };
        // No answer is demanded; what happens to the process is what counts.
        let answered = match ask {
            Some(ask) => subject.wire.ask(&ask, Duration::from_secs(1)).await.map(drop),
            None => raw::blurt(&subject.wire, &call.payload).await,
        };
        if answered.is_err() {
            // Nobody may be there any more: refusals come at once, and must not keep the threads from all else.
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        made += 1;
    }
    made
}
