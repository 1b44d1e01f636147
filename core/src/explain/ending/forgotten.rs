//! What came of an invalidation: which caches forgot how much.

use super::evidence::Evidence;
use super::{thousands, Ending, Teller};
use crate::scenario::ast;
use crate::trace::CacheKind;
use alloc::format;

impl Teller<'_> {
    /// What an invalidation made forgotten: of the cache that the line names, and of the others that the command reaches too.
    pub(super) fn invalidated(&self, cache: ast::CacheKind, e: &Evidence) -> Ending {
        let terms = self.cast.terms();
        let (kind, en, zh) = match cache {
            ast::CacheKind::Iotlb => (CacheKind::Iotlb, terms.iotlb, terms.iotlb),
            ast::CacheKind::DeviceCache => (CacheKind::Device, terms.device_cache.en, terms.device_cache.zh),
            ast::CacheKind::ProcessCache => {
                (CacheKind::Process, "cache of process entries", "PASID 表项缓存")
            }
            ast::CacheKind::DeviceTlb => {
                (CacheKind::DeviceTlb, terms.device_tlb.name.en, terms.device_tlb.name.zh)
            }
            ast::CacheKind::InterruptCache => {
                (CacheKind::Interrupt, "cache of interrupt entries", "中断重映射表项缓存")
            }
        };
        let own = e.losers.iter().filter(|(lost, _)| lost.kind == kind).map(|(_, count)| count).sum();
        let entries = |n: u64| if n == 1 { "1 entry".into() } else { format!("{} entries", thousands(n)) };
        let mut said = format!("The {en} has forgotten {}", entries(own));
        let mut said_zh = match own {
            0 => format!("{zh}里没有要清除的条目"),
            _ => format!("{zh}清除了 {own} 个条目"),
        };
        for (lost, count) in e.losers.iter().filter(|(lost, _)| lost.kind != kind) {
            said += &format!(", and the {} {}", lost.name.en, entries(*count));
            said_zh += &format!("，{}清除了 {count} 个", lost.name.zh);
        }
        Ending::done(said + ".", said_zh + "。")
    }
}
