// What is predicted, under the names that automl uses: the tasks of datasets/task.h.
#pragma once

#include "datasets/task.h"

namespace assay::automl {

using datasets::is_classification;
using datasets::name_of;
using datasets::parse_task;
using datasets::Task;
using datasets::task_names;

}  // namespace assay::automl
