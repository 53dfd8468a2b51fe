#pragma once
/// @file
/// What a solver trained at one budget knows at others: a program may lower or raise the budget of
/// a file it has, without training. At 8 bits it is what further training alone has made of it.

#include "arms.hpp"
#include "study.hpp"

#include <amq/solver/model_file.hpp>

#include <fstream>
#include <iostream>
#include <sstream>
#include <string>

namespace study {

/// Adds model,task,order,seed,trained_bits,run_bits,bops,test_mse to a CSV for every adaptive
/// solver of the fine ladder that core and ladder arms have left, rows that it has not.
/// @param file_of  file_of(arm) is where the study has left an arm's solver
template <typename Model, row_rule Rule, typename FileOf>
void other_budgets(const Plan& plan, const Options& o, const Data& d, const std::string& csv,
                   const FileOf& file_of) {
  std::ofstream out(csv, std::ios::app);
  if (out.tellp() == 0) out << "model,task,order,seed,trained_bits,run_bits,bops,test_mse\n";
  for (const double trained : {2, 3, 4, 6}) {
    const std::string file = file_of(Arm{"amq", plan.quantizer, "sensitivity", fine, trained});
    if (!std::filesystem::exists(file)) {
      std::cout << "none trained at " << trained << " bits: no " << file << '\n';
      continue;
    }
    auto solver = load<Model, Fine<Rule>>(file);
    for (const double run : {1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 8.0}) {
      std::ostringstream what;
      what << plan.model << ',' << plan.task << ',' << o.order << ',' << o.seed << ',' << trained
           << ',' << run << ',';
      if (has_row(csv, what.str())) continue;
      solver.budget(mean_bits(run));
      const Result r = evaluate_solver<Model>(d, solver);
      what << r.bops << ',' << r.mse << '\n';
      out << what.str() << std::flush;
      std::cout << what.str() << std::flush;
    }
  }
}

}  // namespace study
