package io.kvarena.opencl;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Optional;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Skips, with the cure, where there is no OpenCL device; runs and fails where {@code CI=true}. */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsOpenCl.Condition.class)
@interface NeedsOpenCl {

  /** Asks for a device. */
  final class Condition implements ExecutionCondition {
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
      Optional<String> problem = ClDevices.problem();
      return problem.isEmpty() || "true".equals(System.getenv("CI"))
          ? ConditionEvaluationResult.enabled("OpenCL")
          : ConditionEvaluationResult.disabled(problem.get());
    }
  }
}
