//! Cycles of the time-stamp counter per frame of bare forwarding, of the stages of a worker and of a worker, in windows
//! that alternate within one process over the ports of a dataplane.toml: median, least, most, and what is added to bare.
//!
//! ```text
//! cargo run --release -p gate25-dataplane --example cost -- dataplane.toml image WINDOWS
//! ```
//! `image`: a policy image's words as a file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use gate25_dataplane::adoption::Publisher;
use gate25_dataplane::clock::WallClock;
use gate25_dataplane::config::{Config, Idle};
use gate25_dataplane::eal::{Eal, cycles};
use gate25_dataplane::links::Link;
use gate25_dataplane::mbuf::{Burst, Scratch};
use gate25_dataplane::worker::{Orders, Worker};
use gate25_dataplane::{links, preflight};
use gate25_include::image::Image;
use gate25_include::telemetry::{Identity, Telemetry};
use gate25_path::{Direction, Form, Verdicts, judge_frames};

/// Frames in a window.
const WINDOW: usize = 1 << 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, image, windows] = arguments.as_slice() else {
        return Err("usage: cost DATAPLANE.TOML IMAGE WINDOWS".into());
    };
    let config = Config::load(Path::new(config))?;
    let bytes = std::fs::read(image)?;
    let words: Vec<u32> = bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect();
    let image = Image::from_words(words.clone())?;
    let mut eal = Eal::start(&config, preflight::memory_mb(&config))?;
    let first = config.links.first().ok_or("no link")?;
    let locks = links::lock_ports(&config, first)?;
    let mut link = Link::start(&mut eal, &config, first, locks, &mut |line| eprintln!("{line}"))?;
    let telemetry = Telemetry::create("cost", &["cost"], 1, Identity { tsc_hz: eal.tsc_hz(), ..Default::default() })?;
    let telemetry: &'static Telemetry = Box::leak(Box::new(telemetry));
    let mut publisher = Publisher::default();
    let mut subscriber = publisher.subscribe();
    publisher.publish(&Some(Arc::new(image))).map_err(|_| "no worker")?;
    subscriber.refresh();
    let mut worker = Worker::new(Orders {
        links: link.queues_of(0, 0).into_iter().collect(),
        subscriber,
        telemetry: telemetry.worker(0),
        clock: Arc::new(WallClock::new(eal.tsc_hz())),
        stop: Arc::new(AtomicBool::new(false)),
        idle: Idle::Poll,
    });
    let image = Image::from_words(words)?;
    let mut stages = Stages { link: &link, scratch: Scratch::new(), verdicts: Verdicts::new(), image };
    let windows: usize = windows.parse()?;
    let mut cycles: [Vec<f64>; 4] = Default::default();
    let mut added: [Vec<f64>; 4] = Default::default();
    for window in 0..windows + 2 {
        let round = [stages.window(0)?, stages.window(1)?, stages.window(2)?, gate(&mut worker)];
        for (stage, now) in round.into_iter().enumerate().filter(|_| window >= 2) {
            cycles[stage].push(now);
            added[stage].push(now - round[0]);
        }
    }
    let bare = median(&mut cycles[0]);
    for (name, (cycles, added)) in ["bare", "views", "verdicts", "worker"].iter().zip(cycles.iter_mut().zip(&mut added))
    {
        println!(
            "{name:9} {}  {:5.1} Mpps  ratio {:.3}  added {}",
            figures(cycles),
            eal.tsc_hz() as f64 / median(cycles) / 1e6,
            bare / median(cycles),
            figures(added)
        );
    }
    link.stop();
    Ok(())
}

struct Stages<'a> {
    link: &'a Link,
    scratch: Scratch,
    verdicts: Verdicts,
    image: Image,
}

impl Stages<'_> {
    /// A window of stage 0: bare forwarding as testpmd's io does it, both directions; 1: and frames looked for in
    /// buffers; 2: and judged, but not acted on.
    fn window(&mut self, stage: usize) -> Result<f64, &'static str> {
        let mut queues = self.link.queues_of(0, 0).ok_or("no queue")?;
        let mut burst = Burst::new();
        let (start, mut frames) = (cycles(), 0);
        while frames < WINDOW {
            for (rx, tx) in
                [(&mut queues.access_rx, &mut queues.network_tx), (&mut queues.network_rx, &mut queues.access_tx)]
            {
                burst.receive(rx);
                frames += burst.len();
                if burst.is_empty() {
                    continue;
                }
                if stage > 0 {
                    let (views, _) = std::hint::black_box(burst.frames(&mut self.scratch));
                    if stage > 1 {
                        judge_frames(Form::Best, Some(&self.image), Direction::Outbound, &views, &mut self.verdicts);
                        std::hint::black_box(&self.verdicts);
                    }
                }
                burst.send(tx);
            }
        }
        Ok((cycles() - start) as f64 / frames as f64)
    }
}

fn gate(worker: &mut Worker) -> f64 {
    let (start, mut frames) = (cycles(), 0);
    while frames < WINDOW {
        frames += worker.turn();
    }
    (cycles() - start) as f64 / frames as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn figures(values: &mut [f64]) -> String {
    let median = median(values);
    format!("{median:6.1} cycles (least {:.1}, most {:.1})", values[0], values[values.len() - 1])
}
