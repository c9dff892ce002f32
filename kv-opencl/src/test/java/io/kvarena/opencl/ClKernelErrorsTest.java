package io.kvarena.opencl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.kvarena.attention.AttentionState;
import io.kvarena.format.Formats;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;

/** What the kernel refuses before it starts anything: past that point a mistake ends the JVM. */
@NeedsOpenCl
final class ClKernelErrorsTest {

  private final ClKernel kernel = new ClKernel(ClDevices.all().getFirst());
  private final FoldCase drawn = FoldCase.of(Formats.F16, Formats.F16, 8, 2, 2, 16, 24, 2, 0, 1);
  private final AttentionState state = new AttentionState();

  ClKernelErrorsTest() {
    state.reset(2, 4, 24);
  }

  private String refusal() {
    return assertThrows(
            IllegalArgumentException.class, () -> kernel.fold(drawn.queries, drawn.run, state))
        .getMessage();
  }

  @Test
  void fold_pageBehindItsSlab_isRefused() {
    MemorySegment slab = drawn.slab(1);
    drawn.run.add(slab, 0, 128, 0xff, 0);
    assertEquals(
        "page outside its slab or not aligned: page=0, offset=128, pageBytes=1280, slabBytes=1280;"
            + " pages start at multiples of 128",
        refusal());
  }

  @Test
  void fold_pageOffItsBoundary_isRefused() {
    MemorySegment slab = drawn.slab(2);
    drawn.run.add(slab, 0, 64, 0xff, 0);
    assertEquals(
        "page outside its slab or not aligned: page=0, offset=64, pageBytes=1280, slabBytes=2560;"
            + " pages start at multiples of 128",
        refusal());
  }

  @Test
  void fold_stateOfAnotherDimension_isRefused() {
    drawn.addPage(drawn.slab(1), 0);
    state.reset(2, 4, 16);
    assertEquals(
        "queries, pages and state differ in their dimensions: queryDim=16, keyDim=16, valueDim=24,"
            + " stateDim=16; make all three for one layer",
        refusal());
  }

  @Test
  void fold_stateOfTooFewTokens_isRefused() {
    drawn.addPage(drawn.slab(1), 0);
    state.reset(1, 4, 24);
    assertEquals(
        "memory too small for the queries: tokens=2, queryBytes=512, dataBytes=512, stateRows=4;"
            + " reset the state for as many tokens",
        refusal());
  }

  @Test
  void fold_queriesWithoutTheRunsHeads_areRefused() {
    drawn.addPage(drawn.slab(1), 0);
    drawn.queries.firstHead(1);
    assertEquals(
        "the run's query heads are not all there: firstHead=1, runHeads=4, queryHeads=4,"
            + " stateHeads=4; give the layer's queries and a state of the run's heads",
        refusal());
  }

  @Test
  void fold_emptyRun_leavesTheStateAsItIs() {
    kernel.fold(drawn.queries, drawn.run, state);
    assertEquals(AttentionState.NOTHING_SEEN, state.max(0));
    assertEquals(0, state.sum(7));
  }

  @Test
  void build_faultyProgram_throwsWithTheCompilersWords() {
    ClContext context = ClContext.of(kernel.device());
    ClException thrown =
        assertThrows(
            ClException.class, () -> context.build("__kernel void f() { int x = nonsense; }"));
    assertEquals("clBuildProgram", thrown.call());
    assertEquals("CL_BUILD_PROGRAM_FAILURE", thrown.codeName());
    assertTrue(thrown.buildLog().contains("nonsense"), thrown.buildLog());
    assertEquals(
        "OpenCL call failed: call=clBuildProgram, code=-11 (CL_BUILD_PROGRAM_FAILURE); run kv"
            + " doctor, or use another kernel: -Dkvarena.kernel=scalar\n"
            + thrown.buildLog(),
        thrown.getMessage());
  }

  @Test
  void createBuffer_ofNoBytes_throwsWithCallAndCode() {
    ClException thrown =
        assertThrows(ClException.class, () -> ClContext.of(kernel.device()).createBuffer(0, 0, 0));
    assertEquals(
        "OpenCL call failed: call=clCreateBuffer, code=-61 (CL_INVALID_BUFFER_SIZE); run kv"
            + " doctor, or use another kernel: -Dkvarena.kernel=scalar",
        thrown.getMessage());
  }
}
