//! Events, every one with its code (AMD 48882, event log).

use crate::spec;

spec::fault_codes! {
    section "AMD 48882, event log" {
        ILLEGAL_DEV_TABLE_ENTRY = 1 "ILLEGAL_DEV_TABLE_ENTRY" "the device table entry has a reserved bit or value" "设备表项的保留位不为 0，或用了保留编码";
        IO_PAGE_FAULT = 2 "IO_PAGE_FAULT" "it is not mapped, or not for this access" "没有映射，或不允许这次访问";
        DEV_TAB_HARDWARE_ERROR = 3 "DEV_TAB_HARDWARE_ERROR" "the memory of the device table did not answer" "设备表所在内存没有响应";
        PAGE_TAB_HARDWARE_ERROR = 4 "PAGE_TAB_HARDWARE_ERROR" "the memory of a page table or interrupt table did not answer" "页表或中断重映射表所在内存没有响应";
        ILLEGAL_COMMAND_ERROR = 5 "ILLEGAL_COMMAND_ERROR" "a command is not defined, not supported or has reserved bits" "命令未定义、不受支持，或保留位不为 0";
        COMMAND_HARDWARE_ERROR = 6 "COMMAND_HARDWARE_ERROR" "the memory of the command buffer or of a store did not answer" "命令缓冲区或写入目标所在内存没有响应";
        IOTLB_INV_TIMEOUT = 7 "IOTLB_INV_TIMEOUT" "a device did not answer an invalidation of its TLB" "设备未应答其 TLB 的失效请求";
        INVALID_DEVICE_REQUEST = 8 "INVALID_DEVICE_REQUEST" "the device may not make this kind of request" "设备不得发出这种请求";
        INVALID_PPR_REQUEST = 9 "INVALID_PPR_REQUEST" "the device may not make page requests" "设备不得发出页请求";
        EVENT_COUNTER_ZERO = 10 "EVENT_COUNTER_ZERO" "an event counter reached zero" "事件计数器归零";
    }
}

/// Returns the event with this code.
pub fn by_code(code: u16) -> Option<&'static spec::FaultCode> {
    ALL.iter().copied().find(|event| event.code == code)
}
