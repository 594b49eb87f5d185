//! The operations of the fast interpreter: those of the instruction table, and pairs of them.

use crate::isa::Op;

/// Calls a macro with the operations by kind, and with the pairs.
///
/// A pair is worth its place if its two operations often follow each other in compiled code: one dispatch less each
/// time. The list was taken from runs of the guest and of other compiled programs; `examples/pairs.rs` counts.
macro_rules! with_operations {
    ($callback:ident) => {
        $callback! {
            register: [
                Add Sub Sll Slt Sltu Xor Srl Sra Or And Mul Mulh Mulhsu Mulhu Div Divu Rem Remu Sh1add Sh2add Sh3add
                Andn Orn Xnor Min Minu Max Maxu Rol Ror Addw Subw Sllw Srlw Sraw Mulw Divw Divuw Remw Remuw AddUw
                Sh1addUw Sh2addUw Sh3addUw Rolw Rorw
            ]
            immediate: [
                Addi Slti Sltiu Xori Ori Andi Slli Srli Srai Rori Addiw Slliw Srliw Sraiw Roriw SlliUw Clz Ctz Cpop
                SextB SextH OrcB Rev8 Clzw Ctzw Cpopw ZextH
            ]
            load: [Lb Lh Lw Ld Lbu Lhu Lwu]
            store: [Sb Sh Sw Sd]
            branch: [Beq Bne Blt Bge Bltu Bgeu]
            special: [Lui Auipc Jal Jalr Fence]
            pairs: [
                AddiAddi: immediate Addi, immediate Addi;
            ]
        }
    };
}
pub(crate) use with_operations;

macro_rules! define {
    (
        register: [$($register:ident)*]
        immediate: [$($immediate:ident)*]
        load: [$($load:ident)*]
        store: [$($store:ident)*]
        branch: [$($branch:ident)*]
        special: [$($special:ident)*]
        pairs: [$($pair:ident: $first_kind:ident $first:ident, $second_kind:ident $second:ident;)*]
    ) => {
        /// What a slot does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u16)]
        pub(crate) enum Operation {
            /// Not here: the reference interpreter does it.
            Slow,
            $($register,)* $($immediate,)* $($load,)* $($store,)* $($branch,)* $($special,)* $($pair,)*
        }

        impl Operation {
            /// The operation of an instruction.
            pub(crate) fn of(op: Op) -> Self {
                match op {
                    $(Op::$register => Self::$register,)*
                    $(Op::$immediate => Self::$immediate,)*
                    $(Op::$load => Self::$load,)*
                    $(Op::$store => Self::$store,)*
                    $(Op::$branch => Self::$branch,)*
                    $(Op::$special => Self::$special,)*
                    Op::Ecall => Self::Slow,
                }
            }

            /// The pair of two operations, if there is one.
            pub(crate) fn pair(first: Self, second: Self) -> Option<Self> {
                match (first, second) {
                    $((Self::$first, Self::$second) => Some(Self::$pair),)*
                    _ => None,
                }
            }

            /// What a slot does first: a pair's first operation, otherwise its only one.
            pub(crate) fn first(self) -> Self {
                match self {
                    $(Self::$pair => Self::$first,)*
                    single => single,
                }
            }
        }
    };
}
with_operations!(define);
