//! What the node does for a script: reads what it is shown and the state, and works out addresses.

use std::rc::Rc;

use alloy::primitives::{Address, B256, U256, hex, keccak256};
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray};

use super::shared::ScriptShared;
use crate::{
    RpcError,
    tracers::hooks::{LiveState, code, existing_account, op_name, padded, slot},
};

type Bytes<'js> = TypedArray<'js, u8>;

/// The functions, for the prelude to build on. Bytes come as hexadecimal digits and go as arrays of bytes.
pub(super) fn install<'js>(ctx: &Ctx<'js>, shared: &Rc<ScriptShared>) -> Result<Object<'js>> {
    let node = Object::new(ctx.clone())?;
    install_step(ctx, &node, shared)?;
    install_state(ctx, &node, shared)?;
    let add = |name: &str, function: Result<Function<'js>>| node.set(name, function?);
    add(
        "right",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, digits: String, length: usize| -> Result<Bytes<'js>> {
            TypedArray::new_copy(ctx, right(&decoded(&digits), length.min(32)))
        }),
    )?;
    add(
        "bytes",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, digits: String| -> Result<Bytes<'js>> {
            TypedArray::new_copy(ctx, decoded(&digits))
        }),
    )?;
    add(
        "created",
        Function::new(ctx.clone(), |ctx: Ctx<'js>, from: String, nonce: f64| -> Result<Bytes<'js>> {
            TypedArray::new_copy(ctx, address(&from).create(nonce as u64))
        }),
    )?;
    add(
        "created2",
        Function::new(
            ctx.clone(),
            |ctx: Ctx<'js>, from: String, salt: String, code: String| -> Result<Bytes<'js>> {
                let salt = B256::from_slice(&right(&decoded(&salt), 32));
                TypedArray::new_copy(ctx, address(&from).create2(salt, keccak256(decoded(&code))))
            },
        ),
    )?;
    Ok(node)
}

/// What shows a step or a frame.
fn install_step<'js>(ctx: &Ctx<'js>, node: &Object<'js>, shared: &Rc<ScriptShared>) -> Result<()> {
    let add = |name: &str, function: Result<Function<'js>>| node.set(name, function?);
    let from = shared.clone();
    let number = move |place: usize| from.shown.borrow().numbers.get(place).copied();
    add("number", Function::new(ctx.clone(), number))?;
    let from = shared.clone();
    add("error", Function::new(ctx.clone(), move || from.shown.borrow().error.clone()))?;
    let from = shared.clone();
    add("opName", Function::new(ctx.clone(), move || op_name(from.shown.borrow().op)))?;
    let from = shared.clone();
    add(
        "peek",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, place: f64| -> Result<String> {
            let stack = &from.shown.borrow().stack;
            let index = (stack.len() as f64) - 1.0 - place;
            let word = if place >= 0.0 && index >= 0.0 { stack.get(index as usize) } else { None };
            let size = stack.len();
            word.map(|word| format!("{word:x}")).ok_or_else(|| {
                throw(&ctx, &format!("tracer accessed out of bound stack: size {size}, index {place}"))
            })
        }),
    )?;
    let from = shared.clone();
    add(
        "memory",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, start: f64, end: f64| -> Result<Bytes<'js>> {
            let outside = || {
                let text = format!("tracer accessed out of bound memory: offset {start}, end {end}");
                throw(&ctx, &text)
            };
            if !(start >= 0.0 && end >= start) {
                return Err(outside());
            }
            let (start, length) = (start as usize, (end - start) as usize);
            let part = padded(&from.shown.borrow().memory, start, length);
            let part = part.ok_or_else(outside)?;
            TypedArray::new_copy(ctx.clone(), part)
        }),
    )?;
    let from = shared.clone();
    add(
        "memoryWord",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, offset: f64| -> Result<String> {
            let memory = &from.shown.borrow().memory;
            let size = memory.len();
            let word = (offset >= 0.0).then(|| memory.get(offset as usize..)?.get(..32)).flatten();
            word.map(hex::encode).ok_or_else(|| {
                let text = format!(
                    "tracer accessed out of bound memory: available {size}, offset {offset}, size 32"
                );
                throw(&ctx, &text)
            })
        }),
    )?;
    let from = shared.clone();
    add(
        "contract",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, what: u8| -> Result<Bytes<'js>> {
            let shown = from.shown.borrow();
            match what {
                0 => TypedArray::new_copy(ctx, shown.caller),
                1 => TypedArray::new_copy(ctx, shown.address),
                _ => TypedArray::new_copy(ctx, &shown.input),
            }
        }),
    )?;
    let from = shared.clone();
    add("value", Function::new(ctx.clone(), move || format!("{:x}", from.shown.borrow().value)))?;
    let from = shared.clone();
    let text = move |which: usize| from.shown.borrow().frame_texts.get(which).cloned().flatten();
    add("frameText", Function::new(ctx.clone(), text))?;
    let from = shared.clone();
    add(
        "frameBytes",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, which: usize| -> Result<Bytes<'js>> {
            let bytes = from.shown.borrow().frame_bytes.get(which).cloned().unwrap_or_default();
            TypedArray::new_copy(ctx, bytes)
        }),
    )
}

/// What reads the state.
fn install_state<'js>(ctx: &Ctx<'js>, node: &Object<'js>, shared: &Rc<ScriptShared>) -> Result<()> {
    let add = |name: &str, function: Result<Function<'js>>| node.set(name, function?);
    let from = shared.clone();
    add(
        "balance",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, of: String| -> Result<String> {
            let account = read(&ctx, &from, |state| existing_account(state, address(&of)))?;
            Ok(format!("{:x}", account.unwrap_or_default().balance))
        }),
    )?;
    let from = shared.clone();
    add(
        "nonce",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, of: String| -> Result<f64> {
            let account = read(&ctx, &from, |state| existing_account(state, address(&of)))?;
            Ok(account.unwrap_or_default().nonce as f64)
        }),
    )?;
    let from = shared.clone();
    add(
        "exists",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, of: String| -> Result<bool> {
            Ok(read(&ctx, &from, |state| existing_account(state, address(&of)))?.is_some())
        }),
    )?;
    let from = shared.clone();
    add(
        "code",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, of: String| -> Result<Bytes<'js>> {
            let code = read(&ctx, &from, |state| code(state, address(&of)))?;
            TypedArray::new_copy(ctx, code)
        }),
    )?;
    let from = shared.clone();
    add(
        "state",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, of: String, key: String| -> Result<Bytes<'js>> {
            let key = U256::from_be_slice(&right(&decoded(&key), 32));
            let (_, value) = read(&ctx, &from, |state| slot(state, address(&of), key))?;
            TypedArray::new_copy(ctx, value.to_be_bytes::<32>())
        }),
    )?;
    let from = shared.clone();
    add(
        "isPrecompile",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, of: String| -> Result<bool> {
            read(&ctx, &from, |state| Ok(state.inner.warm_addresses.precompiles().contains(&address(&of))))
        }),
    )
}

/// Reads the state while a function of the script runs.
fn read<R>(
    ctx: &Ctx<'_>,
    shared: &ScriptShared,
    read: impl FnOnce(&LiveState) -> std::result::Result<R, RpcError>,
) -> Result<R> {
    let state = shared.state.borrow();
    let state = state.as_ref().ok_or_else(|| throw(ctx, "there is no state yet"))?;
    read(state).map_err(|error| {
        let thrown = throw(ctx, &error.to_string());
        *shared.refused.borrow_mut() = Some(error);
        thrown
    })
}

fn throw(ctx: &Ctx<'_>, text: &str) -> rquickjs::Error {
    Exception::throw_message(ctx, text)
}

fn decoded(digits: &str) -> Vec<u8> {
    hex::decode(digits).unwrap_or_default()
}

/// The last so many bytes, with zeros before them.
fn right(bytes: &[u8], length: usize) -> Vec<u8> {
    let kept = &bytes[bytes.len().saturating_sub(length)..];
    let mut all = vec![0; length - kept.len()];
    all.extend_from_slice(kept);
    all
}

fn address(digits: &str) -> Address {
    Address::from_slice(&right(&decoded(digits), 20))
}
