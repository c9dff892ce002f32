package io.kvarena.store;

import jdk.jfr.Category;
import jdk.jfr.Event;
import jdk.jfr.EventType;
import jdk.jfr.FlightRecorder;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** What the store tells Java Flight Recorder; costs nothing unless a recording asks for it. */
final class JfrEvents {

  private JfrEvents() {}

  /** Apart, because describing the events to the JVM takes longer than many a program runs. */
  private static final class Types {
    static final EventType STEP = EventType.getEventType(Step.class);
    static final EventType EVICTED = EventType.getEventType(Evicted.class);
    static final EventType FORKED = EventType.getEventType(Forked.class);
  }

  @Name("io.kvarena.Step")
  @Label("Step")
  @Category("kv-arena")
  @StackTrace(false)
  static final class Step extends Event {
    @Label("Sequence")
    long sequence;

    @Label("Tokens")
    int tokens;

    @Label("Length")
    int length;
  }

  @Name("io.kvarena.Evicted")
  @Label("Slots Evicted")
  @Category("kv-arena")
  @StackTrace(false)
  static final class Evicted extends Event {
    @Label("Sequence")
    long sequence;

    @Label("Layer")
    int layer;

    @Label("Slots")
    int slots;
  }

  @Name("io.kvarena.Forked")
  @Label("Sequence Forked")
  @Category("kv-arena")
  @StackTrace(false)
  static final class Forked extends Event {
    @Label("Sequence")
    long sequence;

    @Label("Child")
    long child;

    @Label("Length")
    int length;
  }

  static void step(long sequence, int tokens, int length) {
    if (FlightRecorder.isInitialized() && Types.STEP.isEnabled()) {
      Step event = new Step();
      event.sequence = sequence;
      event.tokens = tokens;
      event.length = length;
      event.commit();
    }
  }

  static void evicted(long sequence, int layer, int slots) {
    if (FlightRecorder.isInitialized() && Types.EVICTED.isEnabled()) {
      Evicted event = new Evicted();
      event.sequence = sequence;
      event.layer = layer;
      event.slots = slots;
      event.commit();
    }
  }

  static void forked(long sequence, long child, int length) {
    if (FlightRecorder.isInitialized() && Types.FORKED.isEnabled()) {
      Forked event = new Forked();
      event.sequence = sequence;
      event.child = child;
      event.length = length;
      event.commit();
    }
  }
}
