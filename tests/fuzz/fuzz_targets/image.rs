//! An image of any words: refused, or every look-up stays inside it. Checksums are made right, so that what is
//! behind them is reached.
#![no_main]

use gate25_include::image::{Image, format};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (chunks, _) = data.as_chunks::<4>();
    let mut words: Vec<u32> = chunks.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
    format::sign(&mut words);
    let Ok(image) = Image::from_words(words) else { return };
    for key in [0, 1, u128::MAX, 0xcb00_7107, 0x2001_0db8 << 96] {
        for found in [image.source4(key as u32), image.source6(key)].into_iter().flatten() {
            assert!(image.pool(found.pool).is_some());
        }
        let _ = (image.destination4(key as u32), image.destination6(key));
        let _ = (image.is_tunnel_end4(key as u32), image.is_tunnel_end6(key));
    }
    assert!(image.pools().all(|pool| !pool.name.is_empty()));
});
