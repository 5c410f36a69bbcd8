//! What newcomers run and read: the tour and the other examples as processes, and the links of the guide.

mod dashboard;
mod guide;
mod programs;
mod tour;
